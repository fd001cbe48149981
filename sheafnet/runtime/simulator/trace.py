"""What happened, event by event: always as a digest, as text on request."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Sequence
from enum import IntEnum

BATCH = 4096


class What(IntEnum):
    """Kinds of events in a trace."""

    STEP = 1
    SEND = 2
    CRASH = 3
    RISE = 4
    FINISH = 5
    PAUSE = 6
    PUSH = 7


_SEND = float(What.SEND)  # to look a member up each time would be half of what ``send`` takes


class Trace:
    """Takes events in the order in which they happen.

    The digest is over numbers, since writing a number as text costs more than most events.

    Parameters
    ----------
    hosts
        Names; an event has a host's place in them.
    sink
        Is handed every event as a line of text, without line end, if the full trace is wanted.
    """

    def __init__(self, hosts: Sequence[str], sink: Callable[[str], None] | None = None) -> None:
        self._places = {host: float(place) for place, host in enumerate(hosts)}
        self._sink = sink
        self._hash = hashlib.blake2b(digest_size=16)
        self._pending: list[float] = []

    def send(
        self, now: float, sender: str, receiver: str, size: int, checksum: int, delay: float | None
    ) -> None:
        """Add a copy of a frame on its way, or a frame that is lost if it has no delay."""
        places = self._places
        self._pending += (
            now,
            _SEND,
            places[sender],
            places[receiver],
            size,
            checksum,
            -1.0 if delay is None else delay,
        )
        if self._sink is not None:
            fate = "lost" if delay is None else repr(delay)
            self._sink(f"{now!r} send {sender} {receiver} {size} {checksum:08x} {fate}")
        if len(self._pending) >= BATCH:
            self._flush()

    def note(self, now: float, what: What, host: str, number: int) -> None:
        """Add anything else that happened to a host."""
        self._pending += (now, what, self._places.get(host, -1.0), number)
        if self._sink is not None:
            self._sink(f"{now!r} {what.name.lower()} {host} {number}")

    def digest(self, *more: bytes) -> str:
        """Return the fingerprint of all events, and of ``more`` after them."""
        self._flush()
        final = self._hash.copy()
        for part in more:
            final.update(part)
        return final.hexdigest()

    def _flush(self) -> None:
        self._hash.update(array("d", self._pending).tobytes())
        self._pending.clear()
