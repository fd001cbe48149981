"""A host: vertices that live together, and the bytes between them and other hosts.

It is still pure: it has no clock, no thread and no network. Whoever runs it hands it the
bytes that arrive and the time, and takes away the bytes that are to be sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sheafnet.core.arrays import Array
from sheafnet.dynamics.counters import Counters
from sheafnet.dynamics.group import Group
from sheafnet.dynamics.messages import Message
from sheafnet.dynamics.rule import Rule
from sheafnet.dynamics.training.learning_rule import BatchRule, LearningRule
from sheafnet.dynamics.vertex import Vertex
from sheafnet.errors import DeliveryError
from sheafnet.runtime.divergence import DivergenceGuard
from sheafnet.runtime.hosts.control import SetPins, StatusReport, StatusRequest
from sheafnet.runtime.hosts.send_policy import SendPolicy
from sheafnet.runtime.hosts.step_deferral import StepDeferral
from sheafnet.runtime.hosts.transport import Address, Crossing, Transport
from sheafnet.runtime.progress import EdgeView
from sheafnet.wire.codec import Limits


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
    started
        Whether the vertices have sent their first projections.
    transport
        Its frames, from and to its peers.
    sent, accepted
        Messages for other hosts, and from them that were news.
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
        self.sent = self.accepted = self.updates = self.elements = 0
        self._run = run
        self._rule = rule
        self._learns = isinstance(rule, LearningRule)
        self._learns_in_steps = isinstance(rule, BatchRule)
        self._members = tuple(self.group.vertices.values())
        crossings = [
            Crossing(vertex.name, inc.edge, inc.neighbour, host_of[inc.neighbour])
            for vertex in self._members
            for inc in vertex.star.incidences
            if inc.neighbour in host_of
        ]
        address = Address(run, name, incarnation)
        self.transport = Transport(address, crossings, send_policy, limits)
        self._guards: dict[str, DivergenceGuard] = {}
        self._exploded: str | None = None
        self.started = self._frozen = False
        self._deferral = StepDeferral()

    def receive(self, data: bytes, now: float) -> None:
        """Take in one frame, or refuse and count it; never raises, whatever the bytes.

        Parameters
        ----------
        data
            What came.
        now
            The time; see ``step``.
        """
        frame = self.transport.receive(data, now)
        if frame is None:
            return
        before = self.group.messages
        for message in frame.messages:
            try:
                self.group.hand(message, frame.incarnation)
            except DeliveryError:
                self.transport.refused["stranger"] += 1
        if self.group.messages > before:
            self._deferral.reset()
            self.accepted += self.group.messages - before

    @property
    def runnable(self) -> bool:
        """Whether ``step`` has something to do at once, timers aside."""
        # Asked after every event: loops, since making a generator costs more than they do.
        if self.transport.owes_acknowledgements or not self.started:
            return True
        if self._exploded is None and not self._frozen:
            awaits = self._awaits
            for vertex in self._members:
                if self._moves(vertex, awaits):
                    return True
        return self.transport.may_send

    @property
    def improves_by_waiting(self) -> bool:
        """Whether a step may gain from what arrives before it; not where it needs all of that.

        Vertices that learn from batches step when what they wait for has arrived.
        """
        return not self._learns_in_steps

    @property
    def due(self) -> float | None:
        """When ``step`` is wanted for a timer; None while no frame is in flight."""
        return self.transport.due

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do, and everything that was sent has been acknowledged."""
        return not self.runnable and self.transport.all_acknowledged

    def step(self, now: float) -> list[tuple[str, bytes]]:
        """Do what there is to do; return the frames to send, each with its receiver.

        Parameters
        ----------
        now
            The time, in the unit of the send policy.
        """
        if self.started:
            self._turn()
        else:
            self.started = True
            self._post(self.group.start())
        return self.transport.take(now)

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
        return self.transport.counted(self.group.counters())

    def view(self) -> EdgeView:
        """Return the edges and the work here."""
        shows_maps = self._learns and not self._learns_in_steps
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

        Each receives at once what those before it have sent.
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
        return self._rule.may_wait and self.transport.awaits

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
            self.transport.put(message)
            self.sent += 1
