"""The trace of a simulated run: a digest of its events, and the events for a sink."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Final, NamedTuple, Protocol


class EventKind(IntEnum):
    """Kinds of events in a trace."""

    STEP = 1
    SEND = 2
    CRASH = 3
    START = 4
    FINISH = 5
    PAUSE = 6
    PUSH = 7


_SENT: Final = float(EventKind.SEND)
_SEND: Final = struct.Struct("=7d")
_NOTE: Final = struct.Struct("=4d")


class FrameSent(NamedTuple):
    """A copy of a frame on its way, or a frame that is lost if it has no delay."""

    at: float
    sender: str
    receiver: str
    size: int
    checksum: int
    delay: float | None

    @property
    def arrives(self) -> float:
        """When it arrives; infinite if it is lost."""
        return math.inf if self.delay is None else self.at + self.delay


class TraceSink(Protocol):
    """Is told of every event."""

    def send(self, sent: FrameSent) -> None:
        """Take note of a frame."""

    def note(self, now: float, kind: EventKind, host: str, number: int) -> None:
        """Take note of anything else that happened to a host."""


class TextSink:
    """Writes every event as a line of text, without line end."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def send(self, sent: FrameSent) -> None:
        """Write the line of a frame."""
        at, sender, receiver, size, checksum, delay = sent
        fate = "lost" if delay is None else repr(delay)
        self._write(f"{at!r} send {sender} {receiver} {size} {checksum:08x} {fate}")

    def note(self, now: float, kind: EventKind, host: str, number: int) -> None:
        """Write the line of anything else."""
        self._write(f"{now!r} {kind.name.lower()} {host} {number}")


class Trace:
    """Takes events in the order in which they happen.

    The digest is over numbers, since writing a number as text costs more than most events.

    Parameters
    ----------
    hosts
        Names; an event has the position of its host in them.
    sink
        Is told of every event too.
    """

    def __init__(self, hosts: Iterable[str], sink: TraceSink | None = None) -> None:
        self.sink = sink
        self._positions = {host: float(position) for position, host in enumerate(hosts)}
        self._hash = hashlib.blake2b(digest_size=16)

    def send(
        self, now: float, sender: str, receiver: str, size: int, checksum: int, delay: float | None
    ) -> None:
        """Add a copy of a frame on its way, or a frame that is lost if it has no delay."""
        source, target = self._positions[sender], self._positions[receiver]
        fate = -1.0 if delay is None else delay
        self._hash.update(_SEND.pack(now, _SENT, source, target, size, checksum, fate))
        if self.sink is not None:
            self.sink.send(FrameSent(now, sender, receiver, size, checksum, delay))

    def note(self, now: float, kind: EventKind, host: str, number: int) -> None:
        """Add anything else that happened to a host."""
        self._hash.update(_NOTE.pack(now, kind, self._positions.get(host, -1.0), number))
        if self.sink is not None:
            self.sink.note(now, kind, host, number)

    def digest(self, *more: bytes) -> str:
        """Return the fingerprint of all events, and of ``more`` after them."""
        final = self._hash.copy()
        for part in more:
            final.update(part)
        return final.hexdigest()
