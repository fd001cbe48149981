"""Problems and the runtimes that run them: lockstep, the simulator, the cluster, and their jobs.

A runtime runs a problem: a sheaf with pins, a start, a rule and stop conditions. It returns a
record: the final stalks, the outcome and the costs of the run. The vertices are built by the same
code under every runtime, and a vertex has no access to its runtime.

| runtime | what it is |
|---|---|
| ``sn.Lockstep(schedule="all")`` | In every round all vertices step together and use the messages of the round before. With ``"alternating"`` the graph is coloured so that neighbours differ. The vertices of one colour step together, and the colours follow each other. |
| ``sn.Simulator(seed=0, latency=sn.Exponential(2.0), loss=0.1)`` | Hosts exchange frames of bytes under virtual time. The simulated network delays, loses, repeats and queues frames, or cuts hosts off, as its settings say. Hosts may be slow, pause, crash and restart. Two runs with the same seed give bitwise equal results. A host has the vertices of one layer, or a single vertex, or the vertices that ``placement`` lists for it. |
| ``sn.Cluster(address="local")`` | The same hosts run as Ray actors. Each host is a process with its own vertices, their maps, and the Ray handles of the hosts of their neighbours. With the address ``"local"`` the hosts run on this machine. With ``"host:port"`` they run on the Ray cluster at this address, and with ``"auto"`` on the Ray cluster that Ray finds. A host that is killed is restarted as a new incarnation. |

To read the code, begin with ``sheafnet.runtime.problem``, ``sheafnet.runtime.interface`` and
``sheafnet.runtime.lockstep``. Then read the packages ``sheafnet.runtime.hosts`` (hosts and their
coordinator), ``sheafnet.runtime.jobs`` (a job from its start to its result),
``sheafnet.runtime.simulator`` and ``sheafnet.runtime.cluster``.

## How a run ends

A run in lockstep converges when every vertex is stationary. On hosts, the coordinator asks in
waves: in a wave it asks every host once for a report and receives all reports. A run on hosts
converges when two successive waves find every host idle and every message acknowledged, and no
message was sent or accepted between the two waves. The coordinator then assembles the cochain from
the reports and checks the forces on it. If they are small enough, it reports convergence. Once a
run has converged, no vertex sends a message.

Under a rule whose vertices take turns, such as ``sn.Sor``, some vertex always sends a message. As
soon as every vertex is stationary, the coordinator freezes all hosts: their vertices stop stepping.
The two waves follow. See ``sheafnet.runtime.hosts.coordinator``. Any run also ends when it reaches
``max_rounds`` or ``max_time`` of ``sn.Stop``, when it diverges, or on request; see ``sn.Outcome``.

## A network with faults

```python
import numpy as np
import sheafnet as sn

net = sn.ReluNetwork.random([2, 8, 1], seed=0)
x = np.ones((2, 1))
lossy = sn.Simulator(
    seed=7,
    latency=sn.Uniform(0.0, 20.0),
    loss=0.4,
    duplication=0.1,
    slow={"layer_1": 20.0},
    partitions=(sn.Partition(("layer_2",), start=100.0, end=400.0),),
)
sol = sn.infer(net.to_sheaf(), [sn.Pin("a0", x)], runtime=lossy)

print(sol.outcome.name)  # CONVERGED
print(bool(np.abs(sol.cochain["z2"] - net.forward(x)).max() < 1e-6))  # True
```

## Stay runs

``sn.start`` takes the arguments of ``sn.infer`` and returns a ``sn.Run`` at once, with
``progress()``, ``stop()`` and ``result()``. With ``stop=sn.Stop(stay=True)`` the run goes on after
convergence. ``set_pins`` then replaces the pins of the run, and ``settle`` waits until the run has
converged under the present pins.

```python
import numpy as np
import sheafnet as sn

net = sn.ReluNetwork.random([2, 8, 1], seed=0)
x = np.ones((2, 1))
run = sn.start(net.to_sheaf(), [sn.Pin("a0", x)], stop=sn.Stop(stay=True))
run.settle()
run.set_pins([sn.Pin("a0", 2.0 * x)])
sol = run.settle()
run.stop()

print(bool(np.abs(sol.cochain["z2"] - net.forward(2.0 * x)).max() < 1e-6))  # True
```

## Warm clusters

Starting Ray and the processes of a run takes about ten seconds. ``with sn.Cluster().warm() as
cluster:`` keeps Ray and the processes until the end of the block, so that the next
``sn.infer(..., runtime=cluster)`` begins within a tenth of a second.

## Adding a runtime

1. Write a class with ``run(problem, hooks)``, as ``sheafnet.runtime.interface.Runtime`` requires.
   ``sheafnet.runtime.lockstep`` is the shortest example: it steps a
   ``sheafnet.dynamics.group.Group`` of ``problem.vertices()``. A runtime with hosts starts from
   ``sheafnet.runtime.hosts.deployment.Deployment`` and passes reports to
   ``sheafnet.runtime.hosts.coordinator.Coordinator``.
2. Between rounds or waves, pass complete snapshots to ``hooks.on_snapshot``, call ``hooks.on_round``,
   and end the run if ``hooks.stopping`` is set. If ``hooks.new_pins`` returns pins, replace the
   pins of the run by them. When a stay run has converged, call ``hooks.on_settled`` and continue
   the run.
3. Return the record that ``sheafnet.runtime.run_record.record_of`` builds.
4. Add the runtime to ``RUNTIMES`` in ``tests/contract/test_contract.py``. This file runs the same
   tests on every runtime. If the runs of the runtime cannot be repeated bit for bit, add it also to
   the fixture ``runtime`` in that file, as the cluster is.

Invariants, checked by import contracts in ``pyproject.toml``: imports between the modules of this
package go in one direction only; only ``sheafnet.runtime.cluster`` imports Ray; lockstep and hosts
have no clock, thread or random source. Modules that need random numbers draw them from
``sheafnet.runtime.random_streams.stream``, so that runs can be repeated.
"""  # noqa: E501
