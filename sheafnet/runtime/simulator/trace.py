"""The trace of a simulated run: a digest of its events, and calls of a sink with each event."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Final, NamedTuple, Protocol


class EventKind(IntEnum):
    """The kind of an event in a trace."""

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
    """A copy of a frame that was sent, or a frame that is lost.

    Attributes
    ----------
    at
        Virtual time of sending.
    sender, receiver
        Names of the hosts.
    size
        Bytes of the frame.
    checksum
        Checksum of its bytes.
    delay
        Virtual time until it arrives; None if it is lost.
    """

    at: float
    sender: str
    receiver: str
    size: int
    checksum: int
    delay: float | None

    @property
    def arrives(self) -> float:
        """Virtual time of arrival; infinite if the frame is lost."""
        return math.inf if self.delay is None else self.at + self.delay


class TraceSink(Protocol):
    """A receiver of every event of a run."""

    def send(self, sent: FrameSent) -> None:
        """Record a copy of a frame."""

    def note(self, now: float, kind: EventKind, host: str, number: int) -> None:
        """Record an event other than a frame.

        Parameters
        ----------
        now
            Virtual time.
        kind
            Kind of the event.
        host
            Name of the host; the outcome of the run if the kind is ``FINISH``.
        number
            Number of updates in a step; incarnation of a host that starts, pauses or crashes;
            otherwise 0.
        """


class TextSink:
    """A sink that writes every event as a line of text.

    Parameters
    ----------
    write
        Function that is called with each line, without a line end.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def send(self, sent: FrameSent) -> None:
        """Write the line of a copy of a frame."""
        at, sender, receiver, size, checksum, delay = sent
        fate = "lost" if delay is None else repr(delay)
        self._write(f"{at!r} send {sender} {receiver} {size} {checksum:08x} {fate}")

    def note(self, now: float, kind: EventKind, host: str, number: int) -> None:
        """Write the line of an event other than a frame."""
        self._write(f"{now!r} {kind.name.lower()} {host} {number}")


class Trace:
    """The digest of the events of a run, which are added in the order in which they happen.

    The digest is computed from numbers in binary form, since writing a number as text takes longer
    than most events.

    Parameters
    ----------
    hosts
        Names of all hosts. In the digest a host is its position among them.
    sink
        Sink that is called with every event as well; None (default) for no sink.
    """

    def __init__(self, hosts: Iterable[str], sink: TraceSink | None = None) -> None:
        self.sink = sink
        self._positions = {host: float(position) for position, host in enumerate(hosts)}
        self._hash = hashlib.blake2b(digest_size=16)

    def send(
        self, now: float, sender: str, receiver: str, size: int, checksum: int, delay: float | None
    ) -> None:
        """Add a copy of a frame that was sent, or a frame that is lost.

        Parameters
        ----------
        now
            Virtual time of sending.
        sender, receiver
            Names of the hosts.
        size
            Bytes of the frame.
        checksum
            Checksum of its bytes.
        delay
            Virtual time until it arrives; None if it is lost.
        """
        source, target = self._positions[sender], self._positions[receiver]
        fate = -1.0 if delay is None else delay
        self._hash.update(_SEND.pack(now, _SENT, source, target, size, checksum, fate))
        if self.sink is not None:
            self.sink.send(FrameSent(now, sender, receiver, size, checksum, delay))

    def note(self, now: float, kind: EventKind, host: str, number: int) -> None:
        """Add an event other than a frame; the parameters are those of ``TraceSink.note``."""
        self._hash.update(_NOTE.pack(now, kind, self._positions.get(host, -1.0), number))
        if self.sink is not None:
            self.sink.note(now, kind, host, number)

    def digest(self, *more: bytes) -> str:
        """Return the digest, in hexadecimal, of all events followed by the bytes ``more``."""
        final = self._hash.copy()
        for part in more:
            final.update(part)
        return final.hexdigest()
