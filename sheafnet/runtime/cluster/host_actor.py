"""A host as a Ray actor: a process in which one thread alone has access to the host.

The remote methods put items in a mailbox. Ray executes the methods one at a time, in the order of
the calls. The thread takes all items from the mailbox and calls ``Host.step``. Then it puts the
frames of the host in the mailboxes of its peers, by remote calls. The thread does not wait for
these calls to return. If a frame is lost, the host sends its messages again from the outbox.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

import numpy as np
import ray

from sheafnet.runtime.cluster.environment import go_home
from sheafnet.runtime.hosts.control import SetPins, StatusReport, StatusRequest
from sheafnet.runtime.hosts.host import Host
from sheafnet.runtime.hosts.host_spec import HostSpec
from sheafnet.runtime.run_record import Process

go_home()  # This must come before any code of the user is imported in this process.

Handle: TypeAlias = Any
"""A handle of a Ray actor. It has no static type, since Ray creates its methods at run time."""

Item: TypeAlias = bytes | Callable[[Host], None] | None
"""An item of a mailbox: a frame, a function to call with the host, or None to end the thread."""

Mail: TypeAlias = SimpleQueue[Item]

node_address: Callable[[], str] = ray.util.get_node_ip_address

PACE = 0.0005
"""Shortest time, in seconds, after which a host steps again if it has received no frame."""

STEPS_WAITED = 4.0
"""Shortest time after which a host steps again if it has received no frame, as a multiple of the
duration of its last step. Other hosts can use the processor during this time."""

POLL = 1.0
"""Seconds between two checks whether the thread has failed, while the actor waits for a report."""

WITH_THE_CALL = 98_304
"""Largest size, in bytes, of a part of a frame. Ray sends an argument of this size with the call.
An argument over 100 KB goes through Ray's object store (Ray's documentation, "Passing the same
large argument by value"). This takes longer."""

MOST_IN_PARTS = 1_500_000
"""Largest size, in bytes, of a frame that is sent in parts. A larger frame is sent faster as one
argument, through the object store."""


class ThreadState:
    """The state of the thread of a host: the thread updates it, and the actor reads it.

    Attributes
    ----------
    began
        Time at which the thread was created, in seconds of ``time.monotonic``.
    busy
        Seconds spent in steps.
    failure
        Exception that ended the thread; None if there was no exception.
    """

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.busy = 0.0
        self.failure: Exception | None = None


class HostActor:
    """A Ray actor with a mailbox and, while it is bound to a host, the thread of the host."""

    def __init__(self) -> None:
        self._mail: Mail = SimpleQueue()
        self._state: ThreadState | None = None
        self._thread: threading.Thread | None = None

    def bind(self, spec: HostSpec, peers: Mapping[str, Handle]) -> Process:
        """Build the host of ``spec`` and start its thread. The thread of an earlier host is ended.

        Parameters
        ----------
        spec
            Specification of the host.
        peers
            Host → handle of its actor, for the peers of the new host.

        Returns
        -------
        Process
            Address of this machine, and id of this process.
        """
        host = spec.build()
        self._mail.put(None)
        self._mail = SimpleQueue()
        self._state = ThreadState()
        self._thread = threading.Thread(
            target=run_host,
            args=(host, peers, self._mail, self._state),
            name=host.name,
            daemon=True,
        )
        self._thread.start()
        return Process(node_address(), os.getpid())

    def quiesce(self) -> None:
        """End the thread and drop the host. The actor sends no frame until it is bound again."""
        self._mail.put(None)
        if self._thread is not None:
            self._thread.join()
        self._mail, self._state, self._thread = SimpleQueue(), None, None

    def whereabouts(self) -> tuple[str, int] | None:
        """Return the name of the host and the process id, or None while the actor has no host."""
        return None if self._thread is None else (self._thread.name, os.getpid())

    def push(self, *parts: bytes) -> None:
        """Join the parts of a frame (see ``in_parts``), and put the frame in the mailbox."""
        self._mail.put(b"".join(parts))

    def report(self, request: StatusRequest) -> StatusReport | None:
        """Make the host carry out a request, and return the report of the host.

        Parameters
        ----------
        request
            The request of the coordinator.

        Returns
        -------
        StatusReport or None
            The report. None if the actor is not bound to a host, for example after a restart.

        Raises
        ------
        Exception
            If an exception has ended the thread of the host. The same exception is raised.
        """
        state = self._state
        if state is None:
            return None
        answer: Future[StatusReport] = Future()

        def report(host: Host) -> None:
            host.obey(request)
            found = host.report(request, with_view=True)
            uptime = time.monotonic() - state.began
            answer.set_result(replace(found, busy=state.busy, uptime=uptime))

        self._mail.put(report)
        while True:
            try:
                return answer.result(POLL)
            except TimeoutError:
                if state.failure is not None:
                    raise state.failure from None

    def set_threshold(self, threshold: float) -> None:
        """Set the send threshold of every vertex of the host."""
        self._mail.put(lambda host: host.set_threshold(threshold))

    def set_frozen(self, frozen: bool) -> None:
        """Stop all vertices of the host if ``frozen`` is True; otherwise let them step again."""
        self._mail.put(lambda host: host.set_frozen(frozen))

    def set_pins(self, order: SetPins) -> None:
        """Replace the pins of the vertices of the host."""
        self._mail.put(lambda host: host.set_pins(order))


def in_parts(data: bytes) -> Sequence[bytes]:
    """Split a frame so that the call of another actor with the parts takes the least time."""
    if WITH_THE_CALL < len(data) <= MOST_IN_PARTS:
        return [data[at : at + WITH_THE_CALL] for at in range(0, len(data), WITH_THE_CALL)]
    return (data,)


def run_host(host: Host, peers: Mapping[str, Handle], mail: Mail, state: ThreadState) -> None:
    """Call the methods of a host until None is in its mailbox; the thread of the host does this.

    Parameters
    ----------
    host
        The host.
    peers
        Host → handle of its actor, for the peers of ``host``.
    mail
        The mailbox of ``host``.
    state
        State that is updated with the seconds spent in steps, and with the exception that ends the
        thread, if there is one.
    """
    # The thread does not wait for these calls. Without return values Ray stores nothing for them.
    send = {name: peer.push.options(num_returns=0).remote for name, peer in peers.items()}
    try:
        # The host detects and reports an overflow itself, so NumPy shall not warn.
        with np.errstate(over="ignore", invalid="ignore"):
            pauses_until = 0.0
            while True:
                items = _awaited(mail, host, pauses_until)
                arrived = time.monotonic()
                has_frame = False
                for item in items:
                    if item is None:
                        return
                    if isinstance(item, bytes):
                        host.receive(item, arrived)
                        has_frame = True
                    else:
                        item(host)
                now = time.monotonic()
                due = host.due
                # Only frames end the wait early: requests and orders bring no messages to use.
                may_step = host.runnable and (has_frame or now >= pauses_until)
                if may_step or (due is not None and due <= now):
                    for peer, data in host.step(now):
                        send[peer](*in_parts(data))
                    ended = time.monotonic()
                    took = ended - now
                    state.busy += took
                    if host.improves_by_waiting:
                        pauses_until = ended + max(PACE, STEPS_WAITED * took)
    except Exception as error:  # ``report`` raises it again.
        state.failure = error


def _awaited(mail: Mail, host: Host, pauses_until: float) -> list[Item]:
    """Wait until the mailbox has an item or the host may step; return all items in the mailbox.

    If the host is runnable, it may step at the time ``pauses_until`` or later. Otherwise it may
    step at its due time or later. The list is empty if no item arrives before this time.
    """
    until = pauses_until if host.runnable else host.due
    timeout = None if until is None else max(until - time.monotonic(), 0.0)
    items: list[Item] = []
    try:
        items.append(mail.get(timeout=timeout))
        while True:
            items.append(mail.get_nowait())
    except Empty:
        return items
