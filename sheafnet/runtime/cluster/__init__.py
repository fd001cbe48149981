"""Hosts as Ray actors: a process for each host, on this machine or on many.

The code of hosts and coordinator is in ``sheafnet.runtime.hosts``; this package adds processes,
threads and remote calls. In a configuration, ``runtime.kind=cluster`` selects it;
``deploy/README.md`` has commands.

**Processes, in reading order**

- The *driver* is the process of the user. It starts or joins Ray.
  ``sheafnet.runtime.cluster.cluster`` has the runtime ``sn.Cluster``.
  ``sheafnet.runtime.cluster.driver`` runs a problem on actors. It takes the actors from
  ``sheafnet.runtime.cluster.actor_pool``. ``sheafnet.runtime.cluster.session`` starts or joins Ray.
- Each *host* is a Ray actor (``sheafnet.runtime.cluster.host_actor``). It has its own vertices and
  their maps. It also has the handles of the actors of its peers and sends frames to them.
- The *coordinator* is a Ray actor on the driver's machine
  (``sheafnet.runtime.cluster.coordinator_actor``). In every wave it asks each host once for a
  report, through ``sheafnet.runtime.cluster.supervisor``. It decides when the run ends. It writes
  the event log and serves Prometheus metrics: discord of every edge, force on every vertex
  (the largest component of −∇E that can move it), updates, messages, staleness, bytes, restarts. A
  discovery file beside the run directory gives Prometheus the address of these metrics.
  ``--metrics-port`` works on every runtime.

**What happens when a part of the cluster is lost**

- A frame: the sender sends the frame again.
- A host: Ray restarts the host, at most ``max_restarts`` times, as a new incarnation with its
  initial state. Under ``sn.Nudged`` and ``sn.Relax`` all hosts go back to the last snapshot.
- The coordinator, or Ray's head (its central process): the run fails with
  ``sheafnet.errors.ClusterError``; the run directory keeps the log and the last checkpoint.
- The driver: if it had started Ray, ``sheafnet.runtime.cluster.reaper`` ends the processes of Ray
  and removes their files.

With ``address="local"`` Ray is started for the run, without connections beyond loopback, and ended
after the run. This takes about ten seconds for each run. ``with sn.Cluster().warm() as cluster:``
avoids it: Ray and the actors are kept for all runs in the block that have ``runtime=cluster``.

``deploy/README.md`` has the commands for Prometheus, Grafana, Docker, Kubernetes and ``ray job
submit`` (``pip install 'sheafnet[jobs]'``).

**Invariants.** Ray is imported only in this package. The files ``cluster.py``, ``settings.py``,
``environment.py`` and ``reaper.py`` do not import it, since they are used before Ray is imported,
or without Ray. Only the thread of a host has access to the host. No frame passes through the
coordinator, and no host waits for the coordinator.
"""
