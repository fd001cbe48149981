"""The transport of a host: it decodes the frames of peers, and encodes messages for peers."""

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
    """The address of a transport: the run, the host and its incarnation.

    Attributes
    ----------
    run
        Name of the run.
    host
        Name of the host that owns the transport.
    incarnation
        Number of times that the host has been restarted.
    """

    run: str
    host: str
    incarnation: int


class Crossing(NamedTuple):
    """A crossing: an edge between a vertex of this host and a vertex of another host.

    The other host is a *peer* of this host.

    Attributes
    ----------
    vertex
        The vertex of this host.
    edge
        Name of the edge.
    neighbour
        The vertex at the other end.
    peer
        Name of the host of the neighbour.
    """

    vertex: str
    edge: str
    neighbour: str
    peer: str


class Peer:
    """The data that a host stores about one peer: messages to send and frames to acknowledge.

    Attributes
    ----------
    outbox
        Messages for the peer.
    incarnation
        Largest incarnation of the peer from which a frame has arrived; 0 before the first frame.
    to_acknowledge
        Numbers of the frames from the peer that are still to be acknowledged.
    bytes
        Number of bytes of frames sent to the peer.
    """

    def __init__(self, send_policy: SendPolicy) -> None:
        self.outbox = Outbox(send_policy)
        self.incarnation = 0
        self.to_acknowledge: list[int] = []
        self.bytes = 0


class _Line:
    """The peer to which a vertex sends over one edge, and the counts of messages and bytes sent."""

    __slots__ = ("bytes", "messages", "peer")

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.messages = self.bytes = 0


class Transport:
    """The frames between one host and its peers.

    Parameters
    ----------
    address
        Address of this host; frames for another host or run are refused.
    crossings
        All edges between a vertex of this host and a vertex of another host.
    send_policy
        Limit on the number of frames in flight to a peer, and timeouts for resending messages.
    limits
        Largest sizes that a frame may have.

    Attributes
    ----------
    peers
        Name of a peer → the data about it, for every peer of this host.
    refused
        Reason → number of frames and messages that were refused for this reason. The reasons are
        the values of the attribute ``reason`` of ``sheafnet.errors.ProtocolError``.
    frames
        Number of frames sent.
    owes_acknowledgements
        Whether a frame that must be acknowledged has arrived since the last call of ``take``.
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
        """Decode one frame and process its acknowledgements. Invalid bytes raise no exception.

        Parameters
        ----------
        data
            The bytes that arrived.
        now
            Present time, in the unit of the send policy.

        Returns
        -------
        Frame or None
            The frame with those of its messages that come from vertices of its sender. The other
            messages are removed and counted in ``refused``. None if the whole frame is refused; the
            frame is then counted in ``refused``.
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
            # A host may send messages of its own vertices only.
            if self._origin.get(message.line) != frame.sender:
                self._drop_strangers(frame)
                break
        return frame

    def _require_peer(self, frame: Frame) -> Peer:
        """Check that ``frame`` may be accepted, and return the peer that sent it.

        Raises
        ------
        ProtocolError
            If the frame belongs to another run; if it is addressed to another host; if its sender
            is not a peer; or if a frame of a later incarnation of its sender has arrived before.
        """
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
        """Remove and count the messages in ``frame`` that are not from vertices of its sender."""
        own = [it for it in frame.messages if self._origin.get(it.line) == frame.sender]
        self.refused["stranger"] += len(frame.messages) - len(own)
        frame.messages = tuple(own)

    def put(self, message: Message) -> None:
        """Add a message to the outbox for the host of its receiver.

        Parameters
        ----------
        message
            A message of a vertex of this host over an edge to another host.
        """
        self._lines[message.line].peer.outbox.put(message)

    @property
    def may_send(self) -> bool:
        """Whether there is an unsent message to a peer whose send window has room for a frame."""
        for peer in self.peers.values():  # noqa: SIM110 - runs after every event: a loop is faster
            if peer.outbox.may_send:
                return True
        return False

    @property
    def due(self) -> float | None:
        """Time at which ``take`` must be called to resend messages; None if no frame is in flight.

        The oldest frame in flight times out at this time.
        """
        first: float | None = None
        for peer in self.peers.values():
            due = peer.outbox.due
            if due is not None and (first is None or due < first):
                first = due
        return first

    @property
    def awaits(self) -> bool:
        """Whether a frame is in flight. Its acknowledgement may carry newer messages."""
        for peer in self.peers.values():  # noqa: SIM110
            if peer.outbox.due is not None:
                return True
        return False

    @property
    def all_acknowledged(self) -> bool:
        """Whether every message to every peer is acknowledged."""
        return all(peer.outbox.all_acknowledged for peer in self.peers.values())

    def take(self, now: float) -> list[tuple[str, bytes]]:
        """Return the frames to send, each with the name of its receiver.

        Parameters
        ----------
        now
            Time at which the frames are sent, in the unit of the send policy.

        Raises
        ------
        ProtocolError
            If the messages for a peer do not fit into one frame, or if an array is neither float64
            nor float32.
        """
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
        """Encode a frame with ``messages`` and all acknowledgements that are due to the peer.

        Count the frame, its messages and its bytes, and return the bytes.
        """
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
        """Return ``counters`` with the frames, bytes and refusals of this transport added.

        Parameters
        ----------
        counters
            Counters of the vertices of this host.
        """
        used = {route: line for route, line in self._lines.items() if line.messages}
        return replace(
            counters,
            frames=self.frames,
            frame_bytes={(self._host, name): peer.bytes for name, peer in self.peers.items()},
            carried={route: line.messages for route, line in used.items()},
            carried_bytes={route: line.bytes for route, line in used.items()},
            refused=dict(self.refused),
        )
