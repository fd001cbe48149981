"""Observers of a run: event log, metrics, progress line, checkpoints; and the run directory.

An observer is an `sn.Observer`. A job (an inference or a training) calls the methods of the
observer at the start, during the run, after each evaluation, and at the end. Read the files in this
order:

1. `sheafnet.observe.rundir`: the run directory with the resolved `config.yaml`, `events.jsonl`,
   `network.npz`, `cochain.npz`, `result.json` and, with `--trace`, `trace.txt`; the command
   `sheafnet run` adds `losses.svg` or `light-cone.svg`;
2. `sheafnet.observe.jsonlines`: the event log, with one JSON object on each line;
3. `sheafnet.observe.checkpoint_writer`: the last three checkpoints of a training;
4. `sheafnet.observe.prometheus`: metrics for Prometheus, such as the discord of every edge, the
   force (the part of −∇E that can move a vertex), updates, messages, staleness, bytes and restarts;
   `sheafnet.observe.prometheus.METRICS` lists all metrics;
5. `sheafnet.observe.terminal`: the progress line;
6. `sheafnet.observe.composite`: one observer that passes every call to several observers;
7. `sheafnet.observe.pictures`: plots of energy, losses and light cones. They are drawn from results
   and are not observers.

To write an observer, derive a class from `sn.Observer` and override the methods that you need:

```python
import numpy as np
import sheafnet as sn


class Energies(sn.Observer):
    interval = 0.0  # least seconds between two reports; 0: a report after every round

    def __init__(self):
        self.curve = []

    def progressed(self, progress):
        self.curve.append(progress.energy)


net = sn.ReluNetwork.random([2, 8, 1], seed=0)
seen = Energies()
sol = sn.infer(net.to_sheaf(), [sn.Pin("a0", np.ones((2, 1)))], observer=seen)
print(seen.curve[-1] < 1e-9 < seen.curve[0])  # True
```

Invariants:

- The methods of an observer are called in the thread that runs the job. They must return quickly.
- An exception that a method raises ends the job. Therefore the event log and the writer of
  checkpoints log a warning if a file cannot be written, and raise no exception.
- On a cluster an observer with `travels = True` is pickled and sent to the process of the
  coordinator (the process that asks all hosts for reports). Such an observer must not open files
  or sockets before `started` is called. All other observers stay in the process of the caller.
- No frame between hosts passes through the coordinator or through an observer.
"""
