"""The trace of a simulated run: a digest (hash) of all events, and sinks that receive them."""

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
    """One copy of a frame that a host has sent; the copy may be lost.

    Attributes
    ----------
    at
        Virtual time of sending.
    sender, receiver
        Names of the hosts.
    size
        Number of bytes of the frame.
    checksum
        Checksum of the bytes of the frame.
    delay
        Virtual time from sending to arrival; None if the copy is lost.
    """

    at: float
    sender: str
    receiver: str
    size: int
    checksum: int
    delay: float | None

    @property
    def arrives(self) -> float:
        """Virtual time of arrival; infinite if the copy is lost."""
        return math.inf if self.delay is None else self.at + self.delay


class TraceSink(Protocol):
    """The interface of an object that receives every event of a run."""

    def send(self, sent: FrameSent) -> None:
        """Receive a copy of a frame that a host has sent; the copy may be lost."""

    def note(self, now: float, kind: EventKind, host: str, number: int) -> None:
        """Receive an event other than the sending of a frame.

        Parameters
        ----------
        now
            Virtual time of the event.
        kind
            Kind of the event.
        host
            Name of the host. If the kind is ``FINISH``, the name of the outcome of the run.
        number
            Number of updates of vertices if the kind is ``STEP``. Incarnation of the host if the
            kind is ``START``, ``PAUSE`` or ``CRASH``. Otherwise 0.
        """


class TextSink:
    """A sink that writes every event as a line of text.

    Parameters
    ----------
    write
        Function that is called with each line. The line has no newline character.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def send(self, sent: FrameSent) -> None:
        """Write a line for a copy of a frame."""
        at, sender, receiver, size, checksum, delay = sent
        fate = "lost" if delay is None else repr(delay)
        self._write(f"{at!r} send {sender} {receiver} {size} {checksum:08x} {fate}")

    def note(self, now: float, kind: EventKind, host: str, number: int) -> None:
        """Write a line for an event other than the sending of a frame."""
        self._write(f"{now!r} {kind.name.lower()} {host} {number}")


class Trace:
    """A trace that computes a digest of the events of a run and passes each event to a sink.

    The digest (a hash) is computed from numbers in binary form, since the conversion of a number to
    text takes longer than most events.

    Parameters
    ----------
    hosts
        Names of all hosts. The digest uses the position of a host in this order instead of its
        name.
    sink
        Sink that is called with every event. With None (default) only the digest is computed.
    """

    def __init__(self, hosts: Iterable[str], sink: TraceSink | None = None) -> None:
        self.sink = sink
        self._positions = {host: float(position) for position, host in enumerate(hosts)}
        self._hash = hashlib.blake2b(digest_size=16)

    def send(
        self, now: float, sender: str, receiver: str, size: int, checksum: int, delay: float | None
    ) -> None:
        """Add a copy of a frame that a host has sent; the copy may be lost.

        Parameters
        ----------
        now
            Virtual time of sending.
        sender, receiver
            Names of the hosts.
        size
            Number of bytes of the frame.
        checksum
            Checksum of the bytes of the frame.
        delay
            Virtual time from sending to arrival; None if the copy is lost.
        """
        source, target = self._positions[sender], self._positions[receiver]
        fate = -1.0 if delay is None else delay
        self._hash.update(_SEND.pack(now, _SENT, source, target, size, checksum, fate))
        if self.sink is not None:
            self.sink.send(FrameSent(now, sender, receiver, size, checksum, delay))

    def note(self, now: float, kind: EventKind, host: str, number: int) -> None:
        """Add an event other than the sending of a frame; for ``number`` see ``TraceSink.note``."""
        self._hash.update(_NOTE.pack(now, kind, self._positions.get(host, -1.0), number))
        if self.sink is not None:
            self.sink.note(now, kind, host, number)

    def digest(self, *more: bytes) -> str:
        """Return the digest of all events so far and of the bytes ``more``, in hexadecimal form."""
        final = self._hash.copy()
        for part in more:
            final.update(part)
        return final.hexdigest()
