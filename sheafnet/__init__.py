"""sheafnet: neural sheaves as actors that exchange messages with their neighbours only.

A feedforward ReLU network is a cellular sheaf on a path (Bosca & Ghrist 2026, arXiv 2603.14831).
Each intermediate quantity is a stalk on a vertex. Each affine map, gate or output activation is an
edge with two restriction maps. The residual r of an edge is the difference of the projections of
its two ends. With the input pinned, the energy ½ Σ ‖r‖² has exactly one minimum, the harmonic
extension of the input. This minimum is the forward pass. In sheafnet each vertex is an actor that
has its own stalk, its own maps and the latest messages of its graph neighbours. Any sheaf on a
graph works, not only the sheaf of a network.

```python
import numpy as np
import sheafnet as sn

net = sn.ReluNetwork.random([2, 8, 1], seed=0)
x = np.ones((2, 5))  # (dim, batch)
sol = sn.infer(net.to_sheaf(), [sn.Pin("a0", x)])
print(sol.outcome.name)  # CONVERGED
print(bool(np.abs(sol.cochain["z2"] - net.forward(x)).max() < 1e-6))  # True
```

Begin with ``sn.infer`` and ``sn.train``. The guide to the command line is ``sheafnet.cli``.

- Networks and sheaves: ``sn.ReluNetwork``, ``sn.Sheaf``, ``sn.Edge``, ``sn.Cochain``; maps
  ``sn.Affine``, ``sn.Linear``, ``sn.Identity``, ``sn.ReluGate``, ``sn.Sigmoid``, ``sn.Softmax``
  with the base class ``sn.RestrictionMap``; ``sn.task`` for samples.
- Pins: ``sn.Pin``.
- Inference: ``sn.infer``, ``sn.start``, ``sn.prepare``, ``sn.Stop``.
- Rules: ``sn.Prox``, ``sn.Sor``, ``sn.Heat``, ``sn.Coboundary``, ``sn.ActiveSet``; for rules of
  your own ``sn.Rule``, ``sn.Program``, ``sn.Step``, ``sn.Star``, ``sn.Inbox``.
- Training: ``sn.train``, ``sn.prepare_training``; rules ``sn.Nudged``, ``sn.Relax``, ``sn.Joint``;
  optimisers ``sn.Sgd``, ``sn.Adam``, ``sn.Kron`` with the base class ``sn.Optimiser``.
- Runtimes: ``sn.Lockstep``, ``sn.Simulator``, ``sn.Cluster``.
- Simulated time and faults: ``sn.Latency`` with its laws ``sn.Constant``, ``sn.Uniform``,
  ``sn.Exponential``, ``sn.Lognormal`` and ``sn.Empirical``; ``sn.ComputeTime``, ``sn.Channel``,
  ``sn.Partition``, ``sn.Pause``, ``sn.Restart``.
- Analysis: ``sn.harmonic_extension``, ``sn.coboundary``, ``sn.laplacian``, ``sn.spectrum``,
  ``sn.relative_cohomology``, ``sn.error_bound``; ``sn.light_cone``, ``sn.Push``, ``sn.LightCone``.
- Jobs and results: ``sn.Run``, ``sn.Training``, ``sn.Observer``, ``sn.Progress``; ``sn.Solution``,
  ``sn.Fit``, ``sn.Outcome``, ``sn.Stats``, ``sn.Evaluation``.
- Errors: ``sn.SheafnetError``, the base class of all errors in ``sheafnet.errors``.

Each package has a guide: ``sheafnet.core`` (sheaves, pins, maps of your own),
``sheafnet.dynamics``, ``sheafnet.dynamics.rules`` (rules, and how to write a rule of your own),
``sheafnet.dynamics.training``, ``sheafnet.runtime``, ``sheafnet.runtime.simulator`` (faults),
``sheafnet.runtime.cluster``, ``sheafnet.observe``, ``sheafnet.config``, ``sheafnet.cli``.

A public name is imported when it is first used. Therefore ``import sheafnet`` is fast, and a
package such as Ray is imported only when a name that needs it is used.

## Words

The whole reference uses these words in one sense.

- *Stalk*: the vector at a vertex, with one column for each sample. *Restriction map*: a map from
  the stalk of a vertex into the stalk of an edge. *Incidence*: one end of an edge. Each edge
  leads from its *tail* to its *head*; in a network the tail is the end nearer to the input.
- *Path*: a graph whose vertices lie in a row, such as the graph of a network. Each vertex has at
  most one edge on each side. *Sweep*: one pass of messages from one end of a path to the other;
  under the rule ``relax``, to the output and back. *Up* and *above* are towards the output of a
  network, *down* and *below* towards its input. (The command ``sheafnet sweep`` is another
  thing: it makes many runs.) *Elimination* (block elimination): solving a
  linear system along a path, vertex by vertex, from one end to the other.
- *Star* of a vertex: what the vertex can see of its surroundings: its stalk, its pins, its maps and
  its projections. Its *inbox* has the rest, the latest messages of its neighbours.
- *Projection*: the value of a restriction map at the stalk; a vertex sends it over the edge.
  *Residual* r: the projection of the tail minus that of the head. *Discord*: the mean of ‖r‖² over
  the samples. *Energy* E: ½ Σ ‖r‖² over edges, soft pins and samples. The energy of an output edge
  may be a loss instead.
- *Force*: the part of −∇E that can move a vertex. It is 0 at a held coordinate and at a coordinate
  that is settled on a kink (E falls on neither side of it). *Stationarity*: the largest absolute
  value of the force. A vertex is *stationary* if its stationarity is at most the tolerance.
- *Gate*: the map relu(z) = R(z) z, where R(z) is diagonal with 1 where z ≥ 0 and 0 elsewhere.
  *Kink*: a point where a derivative of E jumps; the kink of a gate is at 0. A unit is *active*
  where z ≥ 0.
- *Pin*: a *hard* pin holds coordinates of a stalk at a value; a *soft* pin pulls them towards a
  value, with a strength. A coordinate is *free* if no hard pin holds it. A vertex is *wholly held*
  if none of its coordinates is free.
- *Rule*: the algorithm that each vertex follows. *Program*: the instance of a rule at one vertex.
  *Step*: one execution of the program; the counter ``updates`` counts steps. *Update* of a map: a
  change of the map in training. *Round*: in lockstep, one pass over all vertices, in which each may
  step. On hosts, each edge carries two messages in a round, on average.
- *Batch*: the samples of one training step. *Tag*: the number of the batch that a message belongs
  to. A rule *learns from batches* if each map is updated once for each batch, as under ``nudged``
  and ``relax``. *Tension*: the derivative of a sample's loss with respect to the projection of the
  tail, or the vector that a rule uses instead. The rule ``nudged`` sends it from head to tail.
- *Problem*: what a runtime runs: a sheaf with its pins, a rule, the start and the limits. *Job*: an
  inference or a training, from its settings to its result. *Record*: what a run leaves: the final
  stalks, the counters and the outcome. *Hook*: a method that a runtime calls during a run.
  *Observer*: an object of the user whose methods a run calls, for example with its progress.
- *Host*: a process, or simulated process, that has some of the vertices. *Peer* of a host: another
  host with which it exchanges frames. *Placement*: which vertex is on which host. *Frame*: bytes
  with messages from one host to another. *Outbox*: the messages of a host for one peer, the newest
  of each kind, edge, sender and tag. A message stays there also after it has been acknowledged,
  because it must be sent again if the peer restarts. Acknowledged messages of earlier batches are
  dropped. A batch is *in flight* if it has begun and is not finished. A frame is in flight
  if it has been sent and is not acknowledged. *Incarnation*: the number of restarts of a host.
- *Key* of a message: its kind, edge, sender and tag. *Sequence number* of a message: a number that
  the sender increases with every step. Of two messages with the same key, the one with the larger
  number is newer, unless the host of the sender has restarted between them.
- *Staleness* of a message: the number of steps of its sender between the previous message that the
  receiver accepted and this one, neither of the two counted.
- *Coordinator*: the process, or simulated process, that asks all hosts for reports and ends the
  run. *Wave*: the coordinator asks every host once and waits for all reports. *View*: the
  measurements of some vertices and their edges, as a report contains them. *Idle*: a host that has
  nothing to do and whose messages have all been acknowledged. *Driver*: the process in which the
  user started Ray.
- *Edge state*: the map of an edge and the state of its optimiser after a training step. *Snapshot*:
  the edge states of all edges after the same step. *Checkpoint*: a snapshot with all evaluations up
  to that step. It can be saved in a file.
- *Trace*: the list of all events of a simulated run. *Digest*: a hash of a run; runs that are equal
  bit for bit have the same digest. *Push*: a change of one stalk from outside. *Light cone*: which
  vertices a push reaches, and when.
- *Send threshold*: a vertex that is nearly stationary does not send a projection that has changed
  by at most this much. *Stay run*: a run that waits for other pins after it has converged.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sheafnet.api import infer, light_cone, prepare, prepare_training, start, train
    from sheafnet.core.certificate import error_bound
    from sheafnet.core.coboundary import coboundary
    from sheafnet.core.cochain import Cochain
    from sheafnet.core.laplacian import harmonic_extension, laplacian
    from sheafnet.core.maps import (
        Affine,
        Identity,
        Linear,
        ReluGate,
        RestrictionMap,
    )
    from sheafnet.core.network import ReluNetwork
    from sheafnet.core.outputs import Sigmoid, Softmax
    from sheafnet.core.pins import Pin
    from sheafnet.core.sheaf import Edge, Sheaf
    from sheafnet.core.spectrum import relative_cohomology, spectrum
    from sheafnet.datasets import task
    from sheafnet.dynamics.inbox import Inbox
    from sheafnet.dynamics.optimisers.adam import Adam
    from sheafnet.dynamics.optimisers.kron import Kron
    from sheafnet.dynamics.optimisers.optimiser import Optimiser
    from sheafnet.dynamics.optimisers.sgd import Sgd
    from sheafnet.dynamics.program import Program, Step
    from sheafnet.dynamics.rule import Rule
    from sheafnet.dynamics.rules.active_set import ActiveSet
    from sheafnet.dynamics.rules.coboundary import Coboundary
    from sheafnet.dynamics.rules.heat import Heat
    from sheafnet.dynamics.rules.joint import Joint
    from sheafnet.dynamics.rules.nudged import Nudged
    from sheafnet.dynamics.rules.prox import Prox
    from sheafnet.dynamics.rules.relax import Relax
    from sheafnet.dynamics.rules.sor import Sor
    from sheafnet.dynamics.star import Star
    from sheafnet.errors import SheafnetError
    from sheafnet.runtime.cluster.cluster import Cluster
    from sheafnet.runtime.jobs.observer import Observer
    from sheafnet.runtime.jobs.results import Fit, Solution
    from sheafnet.runtime.jobs.run import Run
    from sheafnet.runtime.jobs.training import Training
    from sheafnet.runtime.lockstep import Lockstep
    from sheafnet.runtime.progress import Progress
    from sheafnet.runtime.run_record import Evaluation, Stats
    from sheafnet.runtime.simulator.channel import Channel, Partition
    from sheafnet.runtime.simulator.compute import ComputeTime
    from sheafnet.runtime.simulator.latency import (
        Constant,
        Empirical,
        Exponential,
        Latency,
        Lognormal,
        Uniform,
    )
    from sheafnet.runtime.simulator.light_cone import LightCone, Push
    from sheafnet.runtime.simulator.settings import Pause, Restart
    from sheafnet.runtime.simulator.simulator import Simulator
    from sheafnet.runtime.stop import Outcome, Stop

__version__ = "0.1.0"

_HOMES = {
    "sheafnet.api": ("infer", "light_cone", "prepare", "prepare_training", "start", "train"),
    "sheafnet.core.certificate": ("error_bound",),
    "sheafnet.core.coboundary": ("coboundary",),
    "sheafnet.core.cochain": ("Cochain",),
    "sheafnet.core.laplacian": ("harmonic_extension", "laplacian"),
    "sheafnet.core.maps": ("Affine", "Identity", "Linear", "ReluGate", "RestrictionMap"),
    "sheafnet.core.network": ("ReluNetwork",),
    "sheafnet.core.outputs": ("Sigmoid", "Softmax"),
    "sheafnet.core.pins": ("Pin",),
    "sheafnet.core.sheaf": ("Edge", "Sheaf"),
    "sheafnet.core.spectrum": ("relative_cohomology", "spectrum"),
    "sheafnet.datasets": ("task",),
    "sheafnet.dynamics.inbox": ("Inbox",),
    "sheafnet.dynamics.optimisers.adam": ("Adam",),
    "sheafnet.dynamics.optimisers.kron": ("Kron",),
    "sheafnet.dynamics.optimisers.optimiser": ("Optimiser",),
    "sheafnet.dynamics.optimisers.sgd": ("Sgd",),
    "sheafnet.dynamics.program": ("Program", "Step"),
    "sheafnet.dynamics.rule": ("Rule",),
    "sheafnet.dynamics.rules.active_set": ("ActiveSet",),
    "sheafnet.dynamics.rules.coboundary": ("Coboundary",),
    "sheafnet.dynamics.rules.heat": ("Heat",),
    "sheafnet.dynamics.rules.joint": ("Joint",),
    "sheafnet.dynamics.rules.nudged": ("Nudged",),
    "sheafnet.dynamics.rules.prox": ("Prox",),
    "sheafnet.dynamics.rules.relax": ("Relax",),
    "sheafnet.dynamics.rules.sor": ("Sor",),
    "sheafnet.dynamics.star": ("Star",),
    "sheafnet.errors": ("SheafnetError",),
    "sheafnet.runtime.cluster.cluster": ("Cluster",),
    "sheafnet.runtime.jobs.observer": ("Observer",),
    "sheafnet.runtime.jobs.results": ("Fit", "Solution"),
    "sheafnet.runtime.jobs.run": ("Run",),
    "sheafnet.runtime.jobs.training": ("Training",),
    "sheafnet.runtime.lockstep": ("Lockstep",),
    "sheafnet.runtime.progress": ("Progress",),
    "sheafnet.runtime.run_record": ("Evaluation", "Stats"),
    "sheafnet.runtime.simulator.channel": ("Channel", "Partition"),
    "sheafnet.runtime.simulator.compute": ("ComputeTime",),
    "sheafnet.runtime.simulator.latency": (
        "Constant",
        "Empirical",
        "Exponential",
        "Latency",
        "Lognormal",
        "Uniform",
    ),
    "sheafnet.runtime.simulator.light_cone": ("LightCone", "Push"),
    "sheafnet.runtime.simulator.settings": ("Pause", "Restart"),
    "sheafnet.runtime.simulator.simulator": ("Simulator",),
    "sheafnet.runtime.stop": ("Outcome", "Stop"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "ActiveSet",
    "Adam",
    "Affine",
    "Channel",
    "Cluster",
    "Coboundary",
    "Cochain",
    "ComputeTime",
    "Constant",
    "Edge",
    "Empirical",
    "Evaluation",
    "Exponential",
    "Fit",
    "Heat",
    "Identity",
    "Inbox",
    "Joint",
    "Kron",
    "Latency",
    "LightCone",
    "Linear",
    "Lockstep",
    "Lognormal",
    "Nudged",
    "Observer",
    "Optimiser",
    "Outcome",
    "Partition",
    "Pause",
    "Pin",
    "Program",
    "Progress",
    "Prox",
    "Push",
    "Relax",
    "ReluGate",
    "ReluNetwork",
    "Restart",
    "RestrictionMap",
    "Rule",
    "Run",
    "Sgd",
    "Sheaf",
    "SheafnetError",
    "Sigmoid",
    "Simulator",
    "Softmax",
    "Solution",
    "Sor",
    "Star",
    "Stats",
    "Step",
    "Stop",
    "Training",
    "Uniform",
    "coboundary",
    "error_bound",
    "harmonic_extension",
    "infer",
    "laplacian",
    "light_cone",
    "prepare",
    "prepare_training",
    "relative_cohomology",
    "spectrum",
    "start",
    "task",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module, store it in this module and return its value.

    Raises
    ------
    AttributeError
        If ``name`` is not a public name.
    """
    if name not in _HOME:
        raise AttributeError(f"module 'sheafnet' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
