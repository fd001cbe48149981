"""Jobs: inferences and trainings, each from the user's settings to its result.

A job has three stages. The set-up checks the settings and makes a
``sheafnet.runtime.problem.Problem``. The job passes the problem to a runtime, in the caller's
thread or in a new thread. The result is computed from the record that the runtime returns.

Read the modules in this order:

1. ``sheafnet.runtime.jobs.inference_setup`` and ``sheafnet.runtime.jobs.training_setup``: they make
   a problem from the settings of a run or of a training. ``sheafnet.runtime.jobs.initial`` makes
   the cochain of the start, and ``sheafnet.runtime.jobs.batches`` selects the samples of each step.
2. ``sheafnet.runtime.jobs.job``: the base class. Its methods start a job, stop it, and wait for its
   result. The runtime calls the hooks of the job. The hooks report requests to stop to the runtime
   and call the observer.
3. ``sheafnet.runtime.jobs.run``: a run, in which the stalks are relaxed. A stay run does not end
   when it has converged. Its pins may be replaced.
4. ``sheafnet.runtime.jobs.training``: a training, in which the maps are updated. Its hooks evaluate
   the network, keep the maps of the best evaluation, and stop a training whose loss no longer
   falls.
5. ``sheafnet.runtime.jobs.results``: ``sn.Solution``, the result of a run, and ``sn.Fit``, the
   result of a training.
6. ``sheafnet.runtime.jobs.observer``: the observer. Its methods are called while a job runs.
7. ``sheafnet.runtime.jobs.checkpoint``: the file from which a training is resumed.

Invariants:

- All settings are checked before the runtime starts. An error message names the argument.
- A job uses a runtime only through the protocols ``sheafnet.runtime.interface.Runtime`` and
  ``sheafnet.runtime.jobs.observer.RemoteRuntime``, so all runtimes share this code. On a cluster
  the driver and the coordinator each have a job; only the job of the coordinator evaluates a
  network.
- A solution is computed from the cochain at the end, assembled from the stalks of all vertices, not
  from the reports that vertices sent during the run.
- A batch depends on nothing but the seed and the step. A checkpoint contains every map after the
  same step, with the state of its optimiser. Therefore a resumed training gives the same result,
  bit for bit, as a training without interruption.
- A job writes no file. An observer may do so, for example with ``save_checkpoint``.
"""
