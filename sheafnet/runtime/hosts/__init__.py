"""Hosts, their frames and their coordinator: bytes and reports, no clock, thread or network.

A host is a group of vertices that run in one place. Vertices of one host exchange messages
directly; vertices of different hosts exchange them in frames. A coordinator collects reports from
all hosts and decides when the run has ended. The simulator and the cluster both run these classes.
They supply the time, move the bytes and carry the reports and orders.

Read the modules in this order:

1. ``sheafnet.runtime.hosts.placement``: which vertices share a host.
2. ``sheafnet.runtime.hosts.deployment`` and ``sheafnet.runtime.hosts.host_spec``: the data from
   which each host is built, also after a restart or with other pins.
3. ``sheafnet.runtime.hosts.host``: the host, with ``sheafnet.runtime.hosts.step_deferral`` (which
   steps can wait for an answer).
4. ``sheafnet.runtime.hosts.transport``, ``sheafnet.runtime.hosts.outbox`` and
   ``sheafnet.runtime.hosts.send_policy``: frames to and from peers, resent until acknowledged.
5. ``sheafnet.runtime.hosts.control``: the requests, orders and reports between hosts and
   coordinator.
6. ``sheafnet.runtime.hosts.coordinator``: the phases of a run and the proof that it has ended, with
   ``sheafnet.runtime.hosts.report_ledger`` and ``sheafnet.runtime.hosts.stall``.

A contributor must keep these invariants:

- No module here reads a clock, starts a thread or opens a connection. The caller passes the time.
  Import contracts check this, and the simulator depends on it to repeat runs bit for bit.
- ``sheafnet.runtime.hosts.host.Host.receive`` never raises, whatever the bytes. It refuses and
  counts frames and messages that are not for this host.
- A message that replaces another of the same key makes the older one superfluous. Loss, repetition
  and a change of order of frames are therefore harmless, and an outbox keeps one message per key.
- A restarted host has a larger incarnation. Frames of a smaller incarnation are refused. When a
  larger one is first seen, all current messages for that host are sent again.
- After a rollback the run has another name, so that older frames are refused and
  older reports ignored.
- No frame passes through the coordinator, and no host waits for it, unless all are frozen.
"""
