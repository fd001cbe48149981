"""Hosts as Ray actors: a process for each host, on this machine or on many.

The code of hosts and coordinator is in ``sheafnet.runtime.hosts``; this package adds processes,
threads and remote calls. For example, this command trains a classifier of digits on four hosts:

```text
sheafnet run digits --set runtime.kind=cluster --metrics-port 0
```

**Processes, in reading order**

- The *driver* is the caller's process. ``sheafnet.runtime.cluster.cluster`` has the runtime
  ``sn.Cluster``. ``sheafnet.runtime.cluster.driver`` runs a problem on actors, which it takes from
  ``sheafnet.runtime.cluster.actor_pool``. ``sheafnet.runtime.cluster.session`` starts or joins Ray.
- Each *host* is an actor (``sheafnet.runtime.cluster.host_actor``). It has its own vertices, their
  maps, and the handles of the actors of its neighbours, to which it sends frames.
- The *coordinator* is an actor on the driver's machine
  (``sheafnet.runtime.cluster.coordinator_actor``). In every wave it asks each host once for a
  report, through ``sheafnet.runtime.cluster.supervisor``, and it decides when the run ends. It
  writes the event log and serves Prometheus metrics: discord of every edge, force on every vertex
  (the largest component of −∇E that can move it), updates, messages, staleness, bytes, restarts. A
  discovery file beside the run directory gives Prometheus the address of these metrics.
  ``--metrics-port`` works on every runtime.

**What follows when a part is lost**

- A frame: the sender sends the frame again.
- A host: Ray restarts the host, at most ``max_restarts`` times, as a new incarnation with its
  initial state. Under ``sn.Nudged`` and ``sn.Relax`` all hosts go back to the last snapshot.
- The coordinator, or Ray's head (its central process): the run fails with
  ``sheafnet.errors.ClusterError``; the run directory keeps the log and the last checkpoint.
- The driver: if it had started Ray, ``sheafnet.runtime.cluster.reaper`` ends the processes of Ray
  and removes their files.

``address="local"`` starts Ray for the run, without connections beyond loopback, and ends it
afterwards, which takes about ten seconds for each run. To avoid this,
``with sn.Cluster().warm() as cluster:`` keeps Ray and the actors for several runs with
``runtime=cluster``.

``deploy/README.md`` has the commands for Prometheus, Grafana, Docker, Kubernetes and ``ray job
submit`` (``pip install 'sheafnet[jobs]'``).

**Invariants.** Ray is imported only in this package, but not in ``cluster.py``, ``settings.py``,
``environment.py`` or ``reaper.py``: these are used before Ray is imported, or without Ray. Only the
thread of a host has access to the host. No frame passes through the coordinator, and no host waits
for the coordinator.
"""
