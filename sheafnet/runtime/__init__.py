"""Problems and what runs them: lockstep, hosts, the simulator, the cluster, and jobs.

A runtime takes a problem and returns a record. All runtimes use the same vertices, and a vertex has
no access to the runtime that it is in.

| runtime | what it is |
|---|---|
| ``sn.Lockstep(schedule="all")`` | Every vertex steps once a round, from the same messages. With ``"alternating"`` the colours of the graph take turns. |
| ``sn.Simulator(seed=0, latency=sn.Exponential(2.0), loss=0.1)`` | Hosts exchange frames of bytes under virtual time. The network that you describe delays, loses, repeats and queues frames, or cuts hosts off. Hosts may be slow, pause, crash and restart. The same seed gives the same bits. A host has a layer, one vertex, or the vertices that ``placement`` gives it. |
| ``sn.Cluster(address="local")`` | The same hosts as Ray actors. Each is a process that holds its own vertices, their maps and the handles of its neighbours. They run on this machine, or on the Ray cluster at ``"auto"`` or ``"host:port"``. A host that is killed comes back as a new incarnation. |

To read the code, begin with ``sheafnet.runtime.problem``, ``sheafnet.runtime.interface`` and
``sheafnet.runtime.lockstep``. Then read the packages ``sheafnet.runtime.hosts`` (hosts and their
coordinator), ``sheafnet.runtime.jobs`` (a job from its start to its result),
``sheafnet.runtime.simulator`` and ``sheafnet.runtime.cluster``.

## How a run ends

Lockstep converges when every vertex is stationary. A run on hosts converges when two successive waves of
reports find every host idle and every message acknowledged, with nothing sent or accepted in
between. The coordinator then checks the forces on the assembled cochain before it reports
convergence. A converged network sends nothing. Where vertices take turns, some vertex always sends;
there, all hosts are frozen first. See ``sheafnet.runtime.hosts.coordinator``. Any run also ends
when its budget is used up, when it diverges, or on request; see ``sn.Outcome``.

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
convergence. ``set_pins`` then replaces its pins, and ``settle`` waits for convergence under them.

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
cluster:`` keeps both until the end of the block, so that the next
``sn.infer(..., runtime=cluster)`` begins within a tenth of a second.

## Adding a runtime

1. Write a class with ``run(problem, hooks)``, as ``sheafnet.runtime.interface.Runtime`` requires.
   ``sheafnet.runtime.lockstep`` is the shortest example: it steps a
   ``sheafnet.dynamics.group.Group`` of ``problem.vertices()``. A runtime with hosts starts from
   ``sheafnet.runtime.hosts.deployment.Deployment`` and passes reports to
   ``sheafnet.runtime.hosts.coordinator.Coordinator``.
2. Between rounds or waves, pass snapshots to ``hooks.on_snapshot``, call ``hooks.on_round``, end if
   ``hooks.stopping`` is set, and put the pins of ``hooks.new_pins`` into force. A converged stay run
   calls ``hooks.on_settled`` and goes on.
3. Return the record that ``sheafnet.runtime.run_record.record_of`` builds.
4. Add the runtime to ``RUNTIMES`` in ``tests/contract/test_contract.py``, which runs the same tests
   on every runtime. One whose runs cannot be repeated goes beside the cluster there.

Invariants, checked by import contracts in ``pyproject.toml``: imports between the modules here go
in one direction only; only ``sheafnet.runtime.cluster`` imports Ray; lockstep and hosts have no
clock, thread or random source. Other modules draw random numbers from
``sheafnet.runtime.random_streams.stream``, so that runs can be repeated.
"""  # noqa: E501
