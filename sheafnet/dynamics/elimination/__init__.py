"""Block elimination along a path, by messages between neighbours.

The rule ``sheafnet.dynamics.rules.active_set.ActiveSet`` uses this package to minimise the energy
of the sheaf of a ReLU network. This sheaf is a path of affine maps and gates. The input is held by
a pin; the output is held or free. Here *up* and *above* mean towards the output, *down* and *below*
mean towards the input.

The *pattern* of a gate says of each unit whether it is active (z > 0), inactive (z < 0) or on its
kink (z = 0). For a given pattern the energy is quadratic. Its minimum is found by two *sweeps*; a
sweep is a chain of messages along the whole path. In the sweep down, from the output to the input,
each vertex sends a quadratic to the vertex below. In the sweep up, each vertex computes its new
stalk. Then the pattern is determined again from the new stalks.

The path is input – z – a – z – … – a – output. A vertex with the stalk z (a preactivation) is the
tail of a gate; a vertex with the stalk a (an activation) is the tail of an affine map.

The *value* of an edge is the least energy of this edge and of all edges above it, where all stalks
above the edge may vary. It is a function of the change v of the projection of the edge's tail. For
a given pattern it is a quadratic ½ vᵀ J v + hᵀ v, with *curvature* J and *slope* h. The constant
term is left out. Also left out is rᵀ v, where r is the present residual of the edge itself; the
tail of the edge adds this term. In the sweep down each message carries the value of an affine
map's edge: the head of the edge sends it as a function of the change of the projection that it
receives, and the tail passes it on as a function of the change of its stalk a.

A *candidate* of a stalk is a possible new value of it, at a fixed share of the way to the minimum
for the present pattern. The *plan* of a sample says what happens to its stalks in a sweep down and
the following sweep up: they are solved for (the vertices store candidates), or make a proximal step
(each stalk moves to the minimum of the energy of its own edges), or keep their values.

Read the modules in this order:

1. ``sheafnet.dynamics.elimination.blocks``: the algebra of one block. It computes the value of
   an edge from the value of the next edge towards the output, through a map or through a gate.
2. ``sheafnet.dynamics.elimination.sweep``: the message of a sweep, the plan of each sample, and
   the decision after each sweep.
3. ``sheafnet.dynamics.elimination.program``: a table of the actions of each kind of vertex, and
   the base classes.
4. ``sheafnet.dynamics.elimination.port``: the packing and unpacking of the messages of one vertex
   on one edge.
5. ``sheafnet.dynamics.elimination.output``: the program of the last vertex. After each sweep up it
   decides how each sample continues.
6. ``sheafnet.dynamics.elimination.preactivation`` and
   ``sheafnet.dynamics.elimination.activation``: the programs of a vertex z (the tail of a gate)
   and of a vertex a (the tail of an affine map).

Invariants:

- Samples are independent. Each sample has its own plan. A settled sample (its force is at the level
  of rounding errors) keeps its stalks while other samples are solved.
- A sample takes the new stalks of a solve only if they lower its energy, or if they raise the
  energy by at most a small multiple of its rounding error. The messages carry the rounding errors
  of energies and forces.
- A message is complete in itself and replaces the message before it on the same edge. Therefore
  loss, repetition and delay do no harm. The number of the sweep decides which message is newer.
- A vertex uses only its stalk, its maps and the messages of its two neighbours. Weights are never
  sent. A message down carries the value of an affine map's edge, which stands for the energy of
  this edge and of all edges above it.
- The arithmetic of a sweep is in float64, whatever the precision of the stalks.
"""
