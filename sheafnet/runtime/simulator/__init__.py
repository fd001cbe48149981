"""A network of hosts under virtual time: one process, real bytes, bit-reproducible.

The hosts are those of ``sheafnet.runtime.hosts``. A queue of events takes the place of the network
and of the clock. The files, in reading order:

- settings: ``sheafnet.runtime.simulator.settings``, ``sheafnet.runtime.simulator.channel``,
  ``sheafnet.runtime.simulator.latency``, ``sheafnet.runtime.simulator.compute``;
- events, fate of a frame, time of a host: ``sheafnet.runtime.simulator.kernel``,
  ``sheafnet.runtime.simulator.link``, ``sheafnet.runtime.simulator.host_time``;
- a run and its runtime: ``sheafnet.runtime.simulator.simulation``,
  ``sheafnet.runtime.simulator.simulator``;
- checks: ``sheafnet.runtime.simulator.trace``, ``sheafnet.runtime.simulator.light_cone``.

**Faults.** ``sn.Partition`` cuts off hosts, once or periodically; ``sn.Pause`` halts a host;
``sn.Restart`` crashes it, with the loss of its state. ``sn.Channel`` sets latency, loss,
duplication and bandwidth for one direction of a link. Latencies are ``sn.Constant``,
``sn.Uniform``, ``sn.Exponential``, ``sn.Lognormal`` or ``sn.Empirical``. ``sn.ComputeTime`` and the
setting ``slow`` determine the time of updates.

**Repetition.** A seed repeats a run bit for bit. All randomness must therefore come from
``sheafnet.runtime.random_streams``, and nothing may depend on the real clock or the order of a set.
With ``--trace`` a run keeps every event; ``sheafnet replay`` repeats it and shows the first event
that differs:

```sh
sheafnet run quickstart --set runtime=simulator --trace --out traced
sheafnet replay traced
```

**Exact training.** Under ``sn.Nudged`` and ``sn.Relax`` faults do not change the result. Here the
same training runs twice: in a network that delays every frame, loses three in ten and duplicates
one in ten, with a slow host that loses its maps during the run; and in lockstep. Weights and losses
are equal in every bit:

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

The same from the command line:

```sh
sheafnet run train-blobs
sheafnet run train-blobs --set runtime.kind=lockstep
```

``python -m tests.campaigns.exact 0 20`` compares twenty networks for each rule, optimiser and task;
``python -m tests.campaigns.resumes 10 lockstep`` kills and resumes runs.

**The light cone.** A second run with the same seed has a push: a changed coordinate of one stalk.

```sh
sheafnet run quickstart --set runtime=simulator --set runtime.placement=by-vertex \
  --set light_cone.vertex=z1 --set light_cone.at=30 --costs
```

A vertex can change only after a chain of frames, one edge for each frame, has arrived from the
pushed vertex. The run shows for every vertex when that was and when it changed, and draws both into
``light-cone.svg``. A change before that gives exit code 1. ``--costs`` adds the traffic of each
edge, and the time that each host was busy, waiting and away.
"""
