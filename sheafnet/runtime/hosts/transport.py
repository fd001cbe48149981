"""The transport of a host: frames from its peers, and frames to them. Pure: bytes in, bytes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from sheafnet.dynamics.counters import Counters
from sheafnet.dynamics.messages import Message
from sheafnet.errors import ProtocolError
from sheafnet.runtime.hosts.outbox import Outbox
from sheafnet.runtime.hosts.send_policy import SendPolicy
from sheafnet.wire.codec import Codec, Limits
from sheafnet.wire.frame import Frame


class Address(NamedTuple):
    """Which host runs a transport, in which run and incarnation."""

    run: str
    host: str
    incarnation: int


class Crossing(NamedTuple):
    """An edge between a vertex here and its neighbour on a peer."""

    vertex: str
    edge: str
    neighbour: str
    peer: str


class Peer:
    """What a host knows of a peer.

    Attributes
    ----------
    outbox
        Messages for it.
    incarnation
        How often it has been restarted, as far as is known here.
    to_acknowledge
        Numbers of its frames that no frame to it has acknowledged yet.
    bytes
        How many were sent to it.
    """

    def __init__(self, send_policy: SendPolicy) -> None:
        self.outbox = Outbox(send_policy)
        self.incarnation = 0
        self.to_acknowledge: list[int] = []
        self.bytes = 0


class _Line:
    """The way of what one vertex sends across one edge to a vertex elsewhere."""

    __slots__ = ("bytes", "messages", "peer")

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.messages = self.bytes = 0


class Transport:
    """Turns messages for vertices elsewhere into frames, and frames into messages.

    Parameters
    ----------
    address
        Of this host; frames for another, or of another run, are refused.
    crossings
        Every edge that leads to a vertex elsewhere.
    send_policy
        Send window and timeouts towards every peer.
    limits
        What a frame may ask of us.

    Attributes
    ----------
    peers
        Host → what is known of it.
    refused
        Frames and messages not taken in, by reason.
    frames
        How many were sent.
    owes_acknowledgements
        Whether a numbered frame has come since ``take`` was last called.
    """

    def __init__(
        self,
        address: Address,
        crossings: Iterable[Crossing],
        send_policy: SendPolicy,
        limits: Limits,
    ) -> None:
        crossings = list(crossings)
        self.refused: Counter[str] = Counter()
        self.frames = 0
        self.owes_acknowledgements = False
        self._run = address.run
        self._host = address.host
        self._incarnation = address.incarnation
        self._codec = Codec(limits)
        self._origin = {(it.edge, it.neighbour): it.peer for it in crossings}
        self.peers = {peer: Peer(send_policy) for peer in dict.fromkeys(self._origin.values())}
        self._lines = {(it.edge, it.vertex): _Line(self.peers[it.peer]) for it in crossings}

    def receive(self, data: bytes, now: float) -> Frame | None:
        """Take in one frame and what it acknowledges; never raises, whatever the bytes.

        Returns
        -------
        Frame or None
            With the messages of the sender's own vertices; None if it was refused and counted.
        """
        try:
            frame = self._codec.decode(data)
            peer = self._require_peer(frame)
        except ProtocolError as error:
            self.refused[error.reason] += 1
            return None
        if frame.incarnation > peer.incarnation:
            peer.incarnation = frame.incarnation
            peer.to_acknowledge.clear()
            peer.outbox.peer_restarted()
        peer.outbox.peer_alive()
        if frame.ack_incarnation == self._incarnation:
            peer.outbox.acknowledge(frame.acks, now)
        if frame.number:
            peer.to_acknowledge.append(frame.number)
            self.owes_acknowledgements = True
        for message in frame.messages:
            # A host speaks for its own vertices, and for no other's.
            if self._origin.get(message.line) != frame.sender:
                self._drop_strangers(frame)
                break
        return frame

    def _require_peer(self, frame: Frame) -> Peer:
        """Return the peer that sent ``frame``; ``ProtocolError`` if it is not for here."""
        peer = self.peers.get(frame.sender)
        if frame.run != self._run:
            raise ProtocolError(f"a frame of the run {frame.run!r}", "run")
        if frame.receiver != self._host or peer is None:
            raise ProtocolError(
                f"a frame from {frame.sender!r} to {frame.receiver!r}, not for here", "stranger"
            )
        if frame.incarnation < peer.incarnation:
            raise ProtocolError(
                f"a frame of an earlier incarnation of {frame.sender!r}", "incarnation"
            )
        return peer

    def _drop_strangers(self, frame: Frame) -> None:
        """Leave the messages of vertices in ``frame`` that are not the sender's."""
        own = [it for it in frame.messages if self._origin.get(it.line) == frame.sender]
        self.refused["stranger"] += len(frame.messages) - len(own)
        frame.messages = tuple(own)

    def put(self, message: Message) -> None:
        """Take a message for a vertex elsewhere; it goes with one of the next frames."""
        self._lines[message.line].peer.outbox.put(message)

    @property
    def may_send(self) -> bool:
        """Whether something is unsent that the send window has room for."""
        for peer in self.peers.values():  # noqa: SIM110 - asked after every event: a loop is faster
            if peer.outbox.may_send:
                return True
        return False

    @property
    def due(self) -> float | None:
        """When ``take`` is wanted for a timer; None while no frame is in flight."""
        first: float | None = None
        for peer in self.peers.values():
            due = peer.outbox.due
            if due is not None and (first is None or due < first):
                first = due
        return first

    @property
    def awaits(self) -> bool:
        """Whether a frame is in flight, whose answer may bring news."""
        for peer in self.peers.values():  # noqa: SIM110
            if peer.outbox.due is not None:
                return True
        return False

    @property
    def all_acknowledged(self) -> bool:
        """Whether everything that was put here has been acknowledged."""
        return all(peer.outbox.all_acknowledged for peer in self.peers.values())

    def take(self, now: float) -> list[tuple[str, bytes]]:
        """Return the frames to send, each with its receiver; they are sent ``now``."""
        frames = []
        for name, peer in self.peers.items():
            outbox = peer.outbox
            if outbox.due is not None and outbox.due <= now:
                outbox.expire(now)
            if outbox.may_send:
                number, messages = outbox.take(now)
                frames.append((name, self._frame(name, peer, number, messages)))
            elif peer.to_acknowledge:
                frames.append((name, self._frame(name, peer, 0, ())))
        self.owes_acknowledgements = False
        return frames

    def _frame(self, name: str, peer: Peer, number: int, messages: tuple[Message, ...]) -> bytes:
        acks = tuple(peer.to_acknowledge)
        peer.to_acknowledge.clear()
        frame = Frame(
            self._run,
            self._host,
            name,
            self._incarnation,
            number,
            peer.incarnation,
            acks,
            messages,
        )
        data = self._codec.encode(frame)
        for message in messages:
            line = self._lines[message.line]
            line.messages += 1
            line.bytes += message.array.nbytes
        self.frames += 1
        peer.bytes += len(data)
        return data

    def counted(self, counters: Counters) -> Counters:
        """Return ``counters`` of the vertices here with those of their frames."""
        used = {route: line for route, line in self._lines.items() if line.messages}
        return replace(
            counters,
            frames=self.frames,
            frame_bytes={(self._host, name): peer.bytes for name, peer in self.peers.items()},
            carried={route: line.messages for route, line in used.items()},
            carried_bytes={route: line.bytes for route, line in used.items()},
            refused=dict(self.refused),
        )
