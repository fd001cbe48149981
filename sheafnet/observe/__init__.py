"""Observers of a run: event log, metrics, progress line, checkpoints; and the run directory.

An observer is an `sn.Observer`. A job calls its methods at the start, with progress, after each
evaluation, and at the end. Read the files in this order:

1. `sheafnet.observe.rundir`: the run directory with the resolved `config.yaml`, `events.jsonl`,
   `network.npz`, `cochain.npz`, `result.json` and, if asked for, `trace.txt`; the verb
   `sheafnet run` adds `losses.svg` or `light-cone.svg`;
2. `sheafnet.observe.jsonlines`: the event log, one JSON object a line;
3. `sheafnet.observe.checkpoint_writer`: the last three checkpoints of a training;
4. `sheafnet.observe.prometheus`: metrics for Prometheus, such as the discord of every edge, the
   force (the part of −∇E that can move a vertex), updates, messages, staleness, bytes and restarts;
   `sheafnet.observe.prometheus.METRICS` lists all;
5. `sheafnet.observe.terminal`: the progress line;
6. `sheafnet.observe.composite`: several observers as one;
7. `sheafnet.observe.pictures`: plots of energy, losses and light cones, from results, not from
   events.

To write an observer, derive a class from `sn.Observer` and override the methods that you need:

```python
import numpy as np
import sheafnet as sn


class Energies(sn.Observer):
    interval = 0.0  # seconds between reports at least; 0 reports after every round

    def __init__(self):
        self.curve = []

    def progressed(self, progress):
        self.curve.append(progress.energy)


net = sn.ReluNetwork.random([2, 8, 1], seed=0)
seen = Energies()
sol = sn.infer(net.to_sheaf(), [sn.Pin("a0", np.ones((2, 1)))], observer=seen)
print(seen.curve[-1] < 1e-9 < seen.curve[0])  # True
```

Invariants: a method is called in the thread that runs the job, so it must return quickly. An
exception that it raises ends the run, so the observers here turn errors of the disk into warnings
once the run has begun. On a cluster an observer with `travels = True` is pickled and sent to the
process of the coordinator; it opens files and sockets no earlier than in `started`. Any other stays
in the process of the caller. No frame between hosts passes through the coordinator or an observer.
"""
