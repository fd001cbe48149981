"""Hosts, the frames between them, and their coordinator, without a clock, thread or network.

A host is a group of vertices in one process or one simulated process. Vertices of one host exchange
messages directly; vertices of different hosts exchange them in frames. A coordinator collects
reports from all hosts and decides when the run has ended. The simulator and the cluster both use
the classes of this package: they supply the time, move the bytes of the frames, and carry the
reports and orders between hosts and coordinator.

Read the modules in this order:

1. ``sheafnet.runtime.hosts.placement``: which vertex is on which host.
2. ``sheafnet.runtime.hosts.deployment`` and ``sheafnet.runtime.hosts.host_spec``: the data from
   which a host is built at the start, after a restart, and after its pins were replaced.
3. ``sheafnet.runtime.hosts.host``: the host. ``sheafnet.runtime.hosts.step_deferral`` postpones its
   small steps while newer messages are expected.
4. ``sheafnet.runtime.hosts.transport``, ``sheafnet.runtime.hosts.outbox`` and
   ``sheafnet.runtime.hosts.send_policy``: frames to and from peers. A peer of a host is another
   host with which the host exchanges frames. A message is sent again until it is acknowledged.
5. ``sheafnet.runtime.hosts.control``: the requests, orders and reports between hosts and
   coordinator.
6. ``sheafnet.runtime.hosts.coordinator``: the phases of a run and the proof that it has ended, with
   ``sheafnet.runtime.hosts.report_ledger`` and ``sheafnet.runtime.hosts.stall``.

A contributor must keep these invariants:

- No module here reads a clock, starts a thread or opens a connection. The caller passes the time.
  Import contracts check this, and the simulator depends on it to repeat runs bit for bit.
- ``sheafnet.runtime.hosts.host.Host.receive`` raises no exception for any bytes. It refuses frames
  and messages that are not for this host, and counts them.
- The newest message of a key makes all older messages of that key superfluous. (The key is the
  kind, edge, sender and tag of a message.) Therefore an outbox keeps one message for each key, and
  the result stays correct if frames are lost, repeated or reordered.
- A restarted host has a larger incarnation. Frames of a smaller incarnation are refused. When
  a peer receives the first frame of a larger incarnation, it sends all its current messages to the
  restarted host again.
- In a rollback all hosts go back to the latest snapshot, and the run gets another name. Therefore
  frames from before the rollback are refused, and reports from before the rollback are ignored.
- No frame passes through the coordinator. A host waits for the coordinator only while the host is
  frozen. The vertices of a frozen host may not step.
"""
