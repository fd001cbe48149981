"""A simulated network of hosts in one process, in virtual time; a run can be repeated exactly.

The hosts are objects of ``sheafnet.runtime.hosts``, as on a cluster, and exchange frames of bytes.
A queue of events replaces the network and the clock. The files, in reading order:

- settings: ``sheafnet.runtime.simulator.settings``, ``sheafnet.runtime.simulator.channel``,
  ``sheafnet.runtime.simulator.latency``, ``sheafnet.runtime.simulator.compute``;
- the event queue, the delay or loss of each frame, the time for which each host is busy:
  ``sheafnet.runtime.simulator.kernel``, ``sheafnet.runtime.simulator.link``,
  ``sheafnet.runtime.simulator.host_time``;
- the state of one run, and the runtime ``sn.Simulator``: ``sheafnet.runtime.simulator.simulation``,
  ``sheafnet.runtime.simulator.simulator``;
- checks of a run: ``sheafnet.runtime.simulator.trace``, ``sheafnet.runtime.simulator.light_cone``.

**Faults.** An ``sn.Partition`` is a period, single or recurring, in which all frames between two
groups of hosts are lost. An ``sn.Pause`` stops the steps of a host for a time. At an ``sn.Restart``
a host crashes, loses its state and returns later. ``sn.Channel`` sets latency, loss, duplication
and bandwidth for one direction of a link. A latency is an ``sn.Constant``, ``sn.Uniform``,
``sn.Exponential``, ``sn.Lognormal`` or ``sn.Empirical``. ``sn.ComputeTime`` and the setting
``slow`` determine the virtual time that an update of a vertex takes.

**Repetition.** Two runs with the same settings and the same seed are equal in every bit. All
randomness must therefore come from ``sheafnet.runtime.random_streams``, and nothing may depend on
the real clock or the order of a set. With ``--trace`` a run writes its trace (the list of all its
events) to a file. ``sheafnet replay`` repeats the run and shows the first event that differs from
the file:

```sh
sheafnet run quickstart --set runtime=simulator --trace --out traced
sheafnet replay traced
```

**Exact training.** Under ``sn.Nudged`` and ``sn.Relax`` faults do not change the result. The
example runs the same training twice. The first training runs on simulated hosts. Every frame is
delayed, three frames in ten are lost, and one in ten is duplicated. One host is slow, and it
crashes and loses its maps during the run. The second training runs in lockstep, without hosts and
faults. The weights and losses of the two trainings are equal in every bit:

```python
import numpy as np
import sheafnet as sn

train, _ = sn.task("blobs", seed=0)
net = sn.ReluNetwork.random([2, 25, 4], seed=0, output="softmax")
hostile = sn.Simulator(
    latency=sn.Exponential(4.0),  # one update of a vertex takes 1.0
    loss=0.3,
    duplication=0.1,
    slow={"layer_1": 5.0},
    restarts=(sn.Restart("layer_1", at=5000.0, down=100.0),),
)
faulty, calm = (
    sn.train(
        net, train.x, train.y, optimiser=sn.Adam(0.05), epochs=40, batch_size=64, runtime=runtime
    )
    for runtime in (hostile, sn.Lockstep())
)

pairs = list(zip(faulty.network.weights, calm.network.weights))
print(all(np.array_equal(one, other) for one, other in pairs))  # True
print([it.train_loss for it in faulty.history] == [it.train_loss for it in calm.history])  # True
print(faulty.record.rollbacks)  # 1
```

These commands run the same two trainings from the command line:

```sh
sheafnet run train-blobs
sheafnet run train-blobs --set runtime.kind=lockstep
```

``python -m tests.campaigns.exact 0 20`` makes this comparison for twenty networks of each rule,
optimiser and task. ``python -m tests.campaigns.resumes 10 lockstep`` kills trainings and resumes
them.

**The light cone.** The command below compares two runs with the same seed. In the second run one
coordinate of one stalk is changed from outside; this change is the *push*.

```sh
sheafnet run quickstart --set runtime=simulator --set runtime.placement=by-vertex \
  --set light_cone.vertex=z1 --set light_cone.at=30 --costs
```

With one vertex on each host, a frame goes along one edge. The stalk of a vertex can differ between
the two runs only after a chain of frames from the pushed vertex has arrived at the vertex. For
every vertex the command shows the time of this arrival and the time from which the stalk differs,
and plots both times in ``light-cone.svg``. If a stalk differs before the arrival, the exit code
is 1. ``--costs`` also shows the traffic of each edge, and for each host the time for which it was
busy, waiting and away (down or paused).
"""
