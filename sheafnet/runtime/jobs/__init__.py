"""Jobs: a problem on a runtime, from the user's settings to the result.

A job has three parts. The set-up checks the settings and makes a
``sheafnet.runtime.problem.Problem``. The job passes it to a runtime, in the caller's thread or in
a thread of its own. The result is computed from the record that the runtime returns.

Read the modules in this order:

1. ``sheafnet.runtime.jobs.inference_setup`` and ``sheafnet.runtime.jobs.training_setup``: settings
   to problem. ``sheafnet.runtime.jobs.initial`` makes the start cochain and
   ``sheafnet.runtime.jobs.batches`` draws the samples of each step.
2. ``sheafnet.runtime.jobs.job``: the base class. It starts, stops and waits, and its hooks pass
   requests to the runtime and reports to the observer.
3. ``sheafnet.runtime.jobs.run``: a run, in which stalks move. Pins may change while a stay run
   goes on.
4. ``sheafnet.runtime.jobs.training``: a training, in which maps move. Its hooks evaluate the
   network, keep the best one and stop a training that no longer improves.
5. ``sheafnet.runtime.jobs.results``: ``sn.Solution`` and ``sn.Fit``.
6. ``sheafnet.runtime.jobs.observer`` and ``sheafnet.runtime.jobs.checkpoint``: what a caller sees
   on the way, and the file from which a training goes on.

Invariants:

- All settings are checked before the runtime starts. An error names the argument.
- A job knows a runtime only by ``sheafnet.runtime.interface.Runtime`` and
  ``sheafnet.runtime.jobs.observer.RemoteRuntime``, so all runtimes share this code. On a cluster
  the driver and the coordinator each have a job; only the coordinator's evaluates a network.
- A solution is computed from the assembled cochain, not from the reports of the vertices.
- A batch is a pure function of seed and step. Together with a checkpoint, which holds every map
  after the same step and the state of its optimiser, this makes a resumed training equal to one
  that was never interrupted, bit for bit.
- Nothing here writes a file unless it is called to, as ``save_checkpoint`` is by an observer.
"""
