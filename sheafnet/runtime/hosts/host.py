"""A host: vertices that live together, and the bytes between them and other hosts.

It is still pure: it has no clock, no thread and no network. Whoever runs it hands it the
bytes that arrive and the time, and takes away the bytes that are to be sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sheafnet.core.arrays import Array
from sheafnet.dynamics.counters import Counters
from sheafnet.dynamics.group import Group
from sheafnet.dynamics.messages import Message
from sheafnet.dynamics.rule import Rule
from sheafnet.dynamics.training.learning_rule import BatchRule, LearningRule
from sheafnet.dynamics.vertex import Vertex
from sheafnet.errors import DeliveryError, ProtocolError
from sheafnet.runtime.divergence import DivergenceGuard
from sheafnet.runtime.hosts.control import SetPins, StatusReport, StatusRequest
from sheafnet.runtime.hosts.deferral import StepDeferral
from sheafnet.runtime.hosts.outbox import Outbox
from sheafnet.runtime.hosts.send_policy import SendPolicy
from sheafnet.runtime.progress import EdgeView
from sheafnet.wire.codec import Codec, Limits
from sheafnet.wire.frame import Frame


class _Peer:
    """What a host knows of a neighbour."""

    def __init__(self, send_policy: SendPolicy) -> None:
        self.outbox = Outbox(send_policy)
        self.incarnation = 0
        self.unacknowledged: list[int] = []
        self.bytes = 0


class _Line:
    """The way of what one vertex says across one edge to a vertex elsewhere."""

    __slots__ = ("bytes", "messages", "peer")

    def __init__(self, peer: _Peer) -> None:
        self.peer = peer
        self.messages = self.bytes = 0


class Host:
    """Some vertices and their mail.

    Parameters
    ----------
    name
        Of this host.
    run
        Of the run; frames of another are refused.
    vertices
        Who lives here.
    host_of
        Vertex → host, for every neighbour of a vertex here that lives elsewhere.
    rule
        What the vertices here do.
    incarnation
        How often this host has been restarted.
    pins_version
        Version of the pins that the vertices were made with.
    send_policy
        Window and timeout towards every peer.
    limits
        What a frame may ask of us.

    Attributes
    ----------
    refused
        Frames and messages not taken in, by reason.
    frames
        How many were sent.
    updates
        Steps of the vertices here.
    elements
        Numbers that these steps worked on, (dim × batch) of the stalk in each.
    """

    def __init__(
        self,
        name: str,
        run: str,
        vertices: Sequence[Vertex],
        host_of: Mapping[str, str],
        *,
        rule: Rule,
        incarnation: int = 0,
        pins_version: int = 0,
        send_policy: SendPolicy = SendPolicy(),
        limits: Limits = Limits(),
    ) -> None:
        self.name = name
        self.group = Group(vertices)
        self.incarnation = incarnation
        self.pins_version = pins_version
        self.refused: Counter[str] = Counter()
        self.frames = self.sent = self.accepted = self.updates = self.elements = 0
        self._run = run
        self._rule = rule
        self._learns = isinstance(rule, LearningRule)
        self._codec = Codec(limits)
        self._members = tuple(self.group.vertices.values())
        away = [
            (vertex.name, inc.edge, inc.neighbour)
            for vertex in self._members
            for inc in vertex.star.incidences
            if inc.neighbour in host_of
        ]
        self._origin = {(edge, neighbour): host_of[neighbour] for _, edge, neighbour in away}
        self._peers = {peer: _Peer(send_policy) for peer in dict.fromkeys(self._origin.values())}
        self._lines = {
            (edge, vertex): _Line(self._peers[host_of[neighbour]])
            for vertex, edge, neighbour in away
        }
        self._guards: dict[str, DivergenceGuard] = {}
        self._exploded: str | None = None
        self._started = self._frozen = False
        self._deferral = StepDeferral()
        self._owes_acks = False

    def receive(self, data: bytes, now: float) -> None:
        """Take in one frame, or refuse and count it; never raises, whatever the bytes.

        Parameters
        ----------
        data
            What came.
        now
            The time; see ``step``.
        """
        try:
            frame = self._codec.decode(data)
            peer = self._sender(frame)
        except ProtocolError as error:
            self.refused[error.reason] += 1
            return
        if frame.incarnation > peer.incarnation:
            peer.incarnation = frame.incarnation
            peer.unacknowledged.clear()
            peer.outbox.peer_restarted()
        peer.outbox.peer_alive()
        if frame.ack_incarnation == self.incarnation:
            peer.outbox.acknowledge(frame.acks, now)
        if frame.number:
            peer.unacknowledged.append(frame.number)
            self._owes_acks = True
        before = self.group.messages
        for message in frame.messages:
            # A host speaks for the vertices that live on it, and for no other's.
            if self._origin.get(message.line) != frame.sender:
                self.refused["stranger"] += 1
                continue
            try:
                self.group.hand(message, frame.incarnation)
            except DeliveryError:
                self.refused["stranger"] += 1
        if self.group.messages > before:
            self._deferral.reset()
            self.accepted += self.group.messages - before

    def _sender(self, frame: Frame) -> _Peer:
        peer = self._peers.get(frame.sender)
        if frame.run != self._run:
            raise ProtocolError(f"a frame of the run {frame.run!r}", "run")
        if frame.receiver != self.name or peer is None:
            raise ProtocolError(
                f"a frame from {frame.sender!r} to {frame.receiver!r}, not for here", "stranger"
            )
        if frame.incarnation < peer.incarnation:
            raise ProtocolError(
                f"a frame of an earlier incarnation of {frame.sender!r}", "incarnation"
            )
        return peer

    @property
    def runnable(self) -> bool:
        """Whether ``step`` has something to do at once, timers aside."""
        # Asked after every event: loops, since making a generator costs more than they do.
        if self._owes_acks or not self._started:
            return True
        if self._exploded is None and not self._frozen:
            awaits = self._awaits
            for vertex in self._members:
                if self._moves(vertex, awaits):
                    return True
        for peer in self._peers.values():  # noqa: SIM110
            if peer.outbox.may_send:
                return True
        return False

    @property
    def improves_by_waiting(self) -> bool:
        """Whether a step may gain from what arrives before it; not where it needs all of that.

        Vertices that learn from batches step when what they wait for has arrived.
        """
        return not isinstance(self._rule, BatchRule)

    @property
    def due(self) -> float | None:
        """When ``step`` is wanted for a timer; None while no frame is in flight."""
        first: float | None = None
        for peer in self._peers.values():
            due = peer.outbox.due
            if due is not None and (first is None or due < first):
                first = due
        return first

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do, and everything that was sent has been acknowledged."""
        return not self.runnable and all(p.outbox.all_acknowledged for p in self._peers.values())

    def step(self, now: float) -> list[tuple[str, bytes]]:
        """Do what there is to do; return the frames to send, each with its receiver.

        Parameters
        ----------
        now
            The time, in the unit of the send policy.
        """
        if self._started:
            self._turn()
        else:
            self._started = True
            self._post(self.group.start())
        frames = []
        for name, peer in self._peers.items():
            outbox = peer.outbox
            if outbox.due is not None and outbox.due <= now:
                outbox.expire(now)
            if outbox.may_send:
                number, messages = outbox.take(now)
                frames.append((name, self._frame(name, peer, number, messages)))
            elif peer.unacknowledged:
                frames.append((name, self._frame(name, peer, 0, ())))
        self._owes_acks = False
        return frames

    def set_threshold(self, threshold: float) -> None:
        """Have every vertex act on anything larger than ``threshold`` from now on."""
        for vertex in self._members:
            self._post(vertex.set_threshold(threshold))

    def set_frozen(self, frozen: bool) -> None:
        """Have no vertex step from now on, or let them again."""
        self._frozen = frozen

    def set_pins(self, order: SetPins) -> None:
        """Obey these pins and no others here, unless later ones are in force already."""
        if order.pins_version > self.pins_version:
            self.pins_version = order.pins_version
            self._rule = order.rule
            self._frozen = False
            # What a new pin does to the forces is no sign of divergence.
            self._guards.clear()
            self._post(self.group.set_pins(order.constraints, order.rule.start))

    def disturb(self, vertex: str, change: Array) -> None:
        """Have a vertex here take a push from outside, added to its stalk."""
        self._post(self.group.vertices[vertex].disturb(change))

    def counters(self) -> Counters:
        """Return what was done in this incarnation of the host."""
        used = {route: line for route, line in self._lines.items() if line.messages}
        return replace(
            self.group.counters(),
            frames=self.frames,
            frame_bytes={(self.name, name): peer.bytes for name, peer in self._peers.items()},
            carried={route: line.messages for route, line in used.items()},
            carried_bytes={route: line.bytes for route, line in used.items()},
            refused=dict(self.refused),
        )

    def view(self) -> EdgeView:
        """Return the edges and the work here."""
        shows_maps = self._learns and not isinstance(self._rule, BatchRule)
        return EdgeView.of(self.group, self.counters(), self.group.maps() if shows_maps else {})

    def obey(self, request: StatusRequest) -> None:
        """Carry out what a request orders: drain batches, and drop what is known elsewhere."""
        self.group.forget(request.known)
        if request.drain:
            self.group.drain()

    def report(self, request: StatusRequest, *, with_view: bool = False) -> StatusReport:
        """Return how things stand here; nothing is changed by it."""
        return StatusReport(
            run=self._run,
            host=self.name,
            incarnation=self.incarnation,
            wave=request.wave,
            idle=self.idle,
            sent=self.sent,
            accepted=self.accepted,
            stationarity=self.group.stationarity(),
            batches_left=max(self.group.batches_left().values()),
            messages=self.group.messages,
            pins_version=self.pins_version,
            exploded=self._exploded,
            stalks=self.group.stalks() if request.with_stalks else None,
            maps=self.group.maps() if request.with_stalks and self._learns else {},
            view=self.view() if with_view else None,
            edge_states=self.group.edge_states(),
        )

    def _turn(self) -> None:
        """Step every vertex that has a reason to, until one explodes.

        Each hears at once what those before it have said.
        """
        if self._frozen:
            return
        awaits = self._awaits
        if not awaits:
            self._deferral.reset()
        for vertex in self._members:
            if self._exploded is None and self._moves(vertex, awaits):
                force = vertex.stationarity
                self._deferral.record(force)
                guard = self._guards.get(vertex.name) or self._guard(vertex)
                if guard.trips(force):
                    self._exploded = vertex.trouble
                else:
                    self._post(vertex.step())
                    self.updates += 1
                    self.elements += vertex.star.stalk.size

    @property
    def _awaits(self) -> bool:
        """Whether small steps can wait: a frame is on its way whose answer may bring news."""
        if self._rule.may_wait:
            for peer in self._peers.values():
                if peer.outbox.due is not None:
                    return True
        return False

    def _moves(self, vertex: Vertex, awaits: bool) -> bool:
        """Return whether a vertex has a reason to step that cannot wait."""
        return vertex.runnable and not (awaits and self._deferral.defers(vertex.stationarity))

    def _guard(self, vertex: Vertex) -> DivergenceGuard:
        guard = self._guards[vertex.name] = DivergenceGuard(
            vertex.stationarity, self._rule.growth_limit
        )
        return guard

    def _post(self, messages: list[Message]) -> None:
        for message in self.group.deliver(messages):
            self._lines[message.line].peer.outbox.put(message)
            self.sent += 1

    def _frame(self, name: str, peer: _Peer, number: int, messages: tuple[Message, ...]) -> bytes:
        acks = tuple(peer.unacknowledged)
        peer.unacknowledged.clear()
        frame = Frame(
            self._run, self.name, name, self.incarnation, number, peer.incarnation, acks, messages
        )
        data = self._codec.encode(frame)
        for message in messages:
            line = self._lines[message.line]
            line.messages += 1
            line.bytes += message.array.nbytes
        self.frames += 1
        peer.bytes += len(data)
        return data
