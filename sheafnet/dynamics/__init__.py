"""The behaviour of one vertex, and of a group of vertices that share a host.

Nothing here does I/O, reads a clock, draws random numbers or depends on the runtime. This is why a
vertex behaves the same in lockstep, on the simulator and on a cluster.

## Parts, in the order to read them

| file | holds |
|---|---|
| ``sheafnet.dynamics.messages`` | a message: an array with a key and a sequence |
| ``sheafnet.dynamics.inbox`` | the newest message of each key that a vertex has received |
| ``sheafnet.dynamics.star`` | the stalk, maps, projections and pins that a vertex can see |
| ``sheafnet.dynamics.program`` | the state machine of one vertex, and the result of its step |
| ``sheafnet.dynamics.vertex`` | the actor, made of a star, an inbox and a program |
| ``sheafnet.dynamics.group`` | the vertices of one host, and the delivery of messages to them |
| ``sheafnet.dynamics.rule`` | the base class of rules: settings that all vertices share |

``sheafnet.dynamics.rules`` has the rules and explains how to write one;
``sheafnet.dynamics.proximal`` computes the local minimisers, ``sheafnet.dynamics.elimination`` the
block elimination of the rule active-set. ``sheafnet.dynamics.training`` and
``sheafnet.dynamics.optimisers`` are for rules that learn. ``sheafnet.dynamics.vertex_spec`` is the
data from which a host builds a vertex.

## When a vertex steps

A vertex steps only when its program is ready; for most rules, once a projection has arrived on
every incidence. A host steps a vertex that is *runnable*: ready, and either a message has arrived
since its last step, or it moved in that step and did not mark it final. Lockstep steps every vertex
that is ready when its turn in the round comes. A host is idle when it has no runnable vertex and
every frame of it is acknowledged.

## What must stay true

- A message is state: the newest of a key replaces the older ones. No rule may rely on receiving
  every message, or on their order.
- A vertex sees its star and inbox only. The modules of one vertex do not import the sheaf, the
  graph, the network, a cochain or the group; an import contract in `pyproject.toml` checks this.
- No message holds a restriction map. Only the owner of a map changes it.
- ``Group.hand`` is the only place where a message reaches a vertex.
- Arrays that leave a vertex are read-only and are passed on without a copy.
"""
