"""The behaviour of one vertex, and of a group of vertices that share a host.

No module of this package does I/O, reads a clock, draws random numbers or depends on the runtime.
Therefore a vertex behaves the same in lockstep, on the simulator and on a cluster.

## Parts, in the order to read them

| file | holds |
|---|---|
| ``sheafnet.dynamics.messages`` | a message: an array with a key and a sequence number |
| ``sheafnet.dynamics.inbox`` | the newest message of each key that a vertex has received |
| ``sheafnet.dynamics.star`` | the stalk, maps, projections and pins that a vertex can see |
| ``sheafnet.dynamics.program`` | the state machine of one vertex, and the result of a step |
| ``sheafnet.dynamics.vertex`` | the actor, made of a star, an inbox and a program |
| ``sheafnet.dynamics.group`` | the vertices of one host, and the delivery of messages to them |
| ``sheafnet.dynamics.rule`` | the base class of rules: settings that all vertices share |

``sheafnet.dynamics.rules`` has the rules and explains how to write one;
``sheafnet.dynamics.proximal`` computes the minimiser of the energy around one vertex, and
``sheafnet.dynamics.elimination`` does the block elimination of the rule active-set. Rules that
update maps use ``sheafnet.dynamics.training`` and ``sheafnet.dynamics.optimisers``.
``sheafnet.dynamics.vertex_spec`` holds the data from which a host builds a vertex.

## When a vertex steps

A vertex steps only when its program is ready. Under most rules the program is ready once a
projection has arrived on every incidence. On a host, only a *runnable* vertex steps: its program is
ready, and there is a reason for a step. A reason is a message that has arrived since the last step.
Another reason is that the last step moved the stalk and was not marked final. Under a rule that
learns from batches, every ready vertex is runnable. In a round of lockstep, a vertex steps if it is
ready when its turn comes. A host is idle when it has no runnable vertex and all its frames are
acknowledged (a frame: bytes with messages to another host).

## What must stay true

- A message holds state: the newest message with a key replaces the older ones with this key. No
  rule may rely on receiving every message, or on the order of messages.
- A vertex reads only its star and its inbox. The modules that implement one vertex do not import
  the sheaf, the graph, the network, a cochain or the group; an import contract in `pyproject.toml`
  checks this.
- No message holds a restriction map. Only the owner of a map changes it.
- Messages reach a vertex only through ``Group.hand``.
- The arrays in messages are read-only. Therefore they are passed on without a copy.
"""
