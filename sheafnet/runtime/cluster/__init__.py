"""Hosts as Ray actors: a process for each host, on this machine or on many.

The hosts and the coordinator are those of ``sheafnet.runtime.hosts``; this package adds processes,
threads and remote calls. For example, a classifier of digits on four hosts:

```text
sheafnet run digits --set runtime.kind=cluster --metrics-port 0
```

**Processes, in reading order**

- The *driver* is the caller's process. ``sheafnet.runtime.cluster.cluster`` has the runtime,
  ``sheafnet.runtime.cluster.driver`` runs a problem with actors of
  ``sheafnet.runtime.cluster.actor_pool``. ``sheafnet.runtime.cluster.session`` starts or joins Ray.
- Each *host* is an actor (``sheafnet.runtime.cluster.host_actor``). It has its own vertices, their
  maps, and the handles of the actors of its neighbours, to which it sends frames.
- The *coordinator* is an actor on the driver's machine
  (``sheafnet.runtime.cluster.coordinator_actor``). It asks the hosts in waves, with
  ``sheafnet.runtime.cluster.supervisor``, and decides when the run ends. It writes the event log
  and serves Prometheus metrics: discord of every edge, force on every vertex (the largest component
  of −∇E that can move it), updates, messages, staleness, bytes, restarts. A discovery file beside
  the run directory gives Prometheus their address. ``--metrics-port`` works on every runtime.

**Losses**

- A frame: the sender sends it again.
- A host: Ray restarts it, up to ``max_restarts`` times, as a new incarnation with its initial
  state. Under ``sn.Nudged`` and ``sn.Relax`` all hosts go back to the last snapshot.
- The coordinator, or Ray's head: the run fails with ``sheafnet.errors.ClusterError``; the run
  directory keeps the log and the last checkpoint.
- The driver: ``sheafnet.runtime.cluster.reaper`` removes a local Ray.

``address="local"`` starts Ray for the run, without connections beyond loopback, and ends it
afterwards. This takes about ten seconds; ``with sn.Cluster().warm() as cluster:`` keeps Ray and the
actors for several runs with ``runtime=cluster``.

``deploy/README.md`` has the commands for Prometheus, Grafana, Docker, Kubernetes and ``ray job
submit`` (``pip install 'sheafnet[jobs]'``).

**Invariants.** Ray is imported only in this package, and not in ``cluster.py``, ``settings.py``,
``environment.py`` or ``reaper.py``. Only the thread of a host has access to it. No frame passes
through the coordinator, and no host waits for it.
"""
