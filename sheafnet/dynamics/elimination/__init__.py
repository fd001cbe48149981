"""Block elimination along a path, by messages between neighbours.

This is the machinery of the rule ``sheafnet.dynamics.rules.active_set.ActiveSet``. It relaxes the
sheaf of a ReLU network, that is a path of affine maps and gates, with the input held and the
output held or free. For a given pattern of active and inactive units the energy is quadratic. Its
minimum is found by two sweeps of messages: one goes down from the output to the input and
minimises away the vertices that it passes, the other goes up and puts the solution in place. Then
the pattern is revised.

Read the modules in this order:

1. ``sheafnet.dynamics.elimination.blocks``: the algebra of one block, that is the quadratic above
   an edge, and how it passes a map or a gate.
2. ``sheafnet.dynamics.elimination.sweep``: the message of a sweep, the plan of each sample, and
   the decision after each sweep.
3. ``sheafnet.dynamics.elimination.program``: the table of what each kind of vertex does, and the
   base classes.
4. ``sheafnet.dynamics.elimination.port``: the messages of one vertex on one edge, packed and
   unpacked.
5. ``sheafnet.dynamics.elimination.output``: the program of the last vertex, which judges each
   sweep.
6. ``sheafnet.dynamics.elimination.preactivation`` and
   ``sheafnet.dynamics.elimination.activation``: the programs of a vertex z (the tail of a gate)
   and of a vertex a (the tail of an affine map).

Invariants:

- Samples are independent. Each has its own plan, and one that has settled is held while others are
  solved.
- The new stalks of a sample are kept only if they lower its energy. Energies and forces are
  compared with the rounding error that the messages carry along.
- A message is complete in itself and replaces the one before, so loss, repetition and delay do no
  harm. The number of the sweep decides which message is newer.
- A vertex uses nothing but its stalk, its maps and the messages of its two neighbours. Weights
  never travel; what travels down is the quadratic of all that is above.
- The arithmetic of a sweep is in float64, whatever the precision of the stalks.
"""
