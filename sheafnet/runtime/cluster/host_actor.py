"""A host as a Ray actor: one process, one thread that alone touches the host.

Remote methods only put things in its mailbox. Ray runs them one at a time, in order; the
thread takes whatever is there, steps the host, and hands its frames to the neighbours'
mailboxes. Nothing waits for a call to return: what is lost, the outbox sends again.
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

go_home()  # before anything of the user's is imported in this process

Handle: TypeAlias = Any
"""Of a Ray actor, whose methods Ray makes up."""

Item: TypeAlias = bytes | Callable[[Host], None] | None
"""A frame, something to do with the host, or None: the host is to end."""

Mail: TypeAlias = SimpleQueue[Item]

node_address: Callable[[], str] = ray.util.get_node_ip_address

PACE = 0.0005
"""Seconds that a host with no new frame gives its neighbours before it steps again…"""

STEPS_WAITED = 4.0
"""…but at least so many times what its last step took, so that it leaves them the processor."""

POLL = 1.0
"""Seconds between checks that the thread is still there to answer."""

WITH_THE_CALL = 98_304
"""Bytes of an argument that still travel with its call: what is over 100 KB takes a detour by way
of the object store (Ray's documentation, "Passing the same large argument by value")."""

MOST_IN_PARTS = 1_500_000
"""Bytes of a frame up to which the detour takes longer than its parts do."""


class ThreadState:
    """When the thread of a host began, for how many seconds it has stepped, and how it failed."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.busy = 0.0
        self.failure: Exception | None = None


class HostActor:
    """A mailbox and, while bound, the thread of a host."""

    def __init__(self) -> None:
        self._mail: Mail = SimpleQueue()
        self._state: ThreadState | None = None
        self._thread: threading.Thread | None = None

    def bind(self, spec: HostSpec, peers: Mapping[str, Handle]) -> Process:
        """Become the host of ``spec``; one that was here before ends, and is forgotten."""
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
        """End the host, until bound again; returns when nothing more is sent."""
        self._mail.put(None)
        if self._thread is not None:
            self._thread.join()
        self._mail, self._state, self._thread = SimpleQueue(), None, None

    def whereabouts(self) -> tuple[str, int] | None:
        """Return the name of the host and its process; None while there is none."""
        return None if self._thread is None else (self._thread.name, os.getpid())

    def push(self, *parts: bytes) -> None:
        """Take a frame, in parts as ``in_parts`` gives them."""
        self._mail.put(b"".join(parts))

    def report(self, request: StatusRequest) -> StatusReport | None:
        """Have the host obey and report; None if there is no host yet, as after a restart."""
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
        """Have the host act on anything larger than ``threshold`` from now on."""
        self._mail.put(lambda host: host.set_threshold(threshold))

    def set_frozen(self, frozen: bool) -> None:
        """Have no vertex of the host step from now on, or let them again."""
        self._mail.put(lambda host: host.set_frozen(frozen))

    def set_pins(self, order: SetPins) -> None:
        """Have the host obey other pins."""
        self._mail.put(lambda host: host.set_pins(order))


def in_parts(data: bytes) -> Sequence[bytes]:
    """Return the arguments of the call that takes a frame to another actor soonest."""
    if WITH_THE_CALL < len(data) <= MOST_IN_PARTS:
        return [data[at : at + WITH_THE_CALL] for at in range(0, len(data), WITH_THE_CALL)]
    return (data,)


def run_host(host: Host, peers: Mapping[str, Handle], mail: Mail, state: ThreadState) -> None:
    """Step the host until it is to end; the thread of an actor."""
    # Without a return value there is nothing to keep for a call whose end nobody awaits.
    send = {name: peer.push.options(num_returns=0).remote for name, peer in peers.items()}
    try:
        # What overflows is the host's to report.
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
                # Questions and orders are no news of a neighbour: only frames cut the pause short.
                may_step = host.runnable and (has_frame or now >= pauses_until)
                if may_step or (due is not None and due <= now):
                    for peer, data in host.step(now):
                        send[peer](*in_parts(data))
                    ended = time.monotonic()
                    took = ended - now
                    state.busy += took
                    if host.improves_by_waiting:
                        pauses_until = ended + max(PACE, STEPS_WAITED * took)
    except Exception as error:  # raised again by report()
        state.failure = error


def _awaited(mail: Mail, host: Host, pauses_until: float) -> list[Item]:
    """Return all mail, after waiting for some or until the host has something else to do."""
    until = pauses_until if host.runnable else host.due
    timeout = None if until is None else max(until - time.monotonic(), 0.0)
    items: list[Item] = []
    try:
        items.append(mail.get(timeout=timeout))
        while True:
            items.append(mail.get_nowait())
    except Empty:
        return items
