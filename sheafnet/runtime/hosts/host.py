"""A host: a group of vertices, and the frames that it exchanges with other hosts.

A host has no clock, no thread and no network. The runtime calls the host with the present time and
with the bytes that arrive, and sends the bytes that the host returns. A *peer* of a host is another
host with which the host exchanges frames, since it has a neighbour of a vertex of the host. "Force"
means the part of −∇E that can move a vertex.
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
    """A group of vertices, and the frames that it exchanges with its peers.

    Parameters
    ----------
    name
        Name of this host.
    run
        Name of the run; frames of another run are refused.
    vertices
        The vertices of this host, at least one.
    host_of
        Vertex → its host, for every neighbour on another host of a vertex of this host.
    rule
        The rule that the vertices follow, fitted to the sheaf and the pins.
    incarnation
        Number of times that this host has been restarted; 0 by default.
    pins_version
        Version of the pins with which the vertices were built; 0 by default.
    send_policy
        Limit on the number of frames in flight to a peer, and timeouts for resending messages.
    limits
        Largest sizes that a frame may have.

    Attributes
    ----------
    name, incarnation, pins_version
        The parameters of these names; ``set_pins`` replaces ``pins_version``.
    group
        The vertices of this host.
    started
        Whether ``step`` has been called. Its first call sends the first projections of the
        vertices.
    transport
        Frames from and to the peers of this host.
    sent
        Number of messages to other hosts so far.
    accepted
        Number of messages from other hosts that vertices of this host have accepted so far;
        repeated and outdated messages do not count.
    updates
        Number of steps so far, summed over the vertices of this host.
    elements
        Sum over these steps of the number of elements of the stalk of the vertex that stepped.
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
        """Accept one frame and deliver its messages, or refuse the frame and count it.

        This method never raises an exception, whatever the bytes are.

        Parameters
        ----------
        data
            The bytes that arrived.
        now
            Present time, in the unit of the send policy.
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
        """Whether ``step`` should be called now. For the resending of messages see ``due``."""
        # This runs after every event, and a loop is faster than a generator here.
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
        """Whether a later step can use messages that have not arrived yet.

        False under a rule that learns from batches: a vertex then steps only when all messages that
        it needs have arrived.
        """
        return not self._learns_in_steps

    @property
    def due(self) -> float | None:
        """Time at which ``step`` must be called to resend messages; None if no frame is in flight.

        The oldest frame in flight times out at this time.
        """
        return self.transport.due

    @property
    def idle(self) -> bool:
        """Whether the host is not runnable, and every message to other hosts is acknowledged."""
        return not self.runnable and self.transport.all_acknowledged

    def step(self, now: float) -> list[tuple[str, bytes]]:
        """Step the vertices that have a reason to step, and return the frames to send.

        The first call steps no vertex: it sends the first projections of all vertices.

        Parameters
        ----------
        now
            Present time, in the unit of the send policy.

        Returns
        -------
        list of (str, bytes)
            The name of the receiving host and the frame, for each frame.

        Raises
        ------
        ProtocolError
            If the messages for a peer do not fit into one frame, or if an array is neither float64
            nor float32.
        """
        if self.started:
            self._turn()
        else:
            self.started = True
            self._post(self.group.start())
        return self.transport.take(now)

    def set_threshold(self, threshold: float) -> None:
        """Replace the send threshold of every vertex.

        Changes of projections that are larger than the new threshold are sent, and every vertex has
        a reason to step again.

        Parameters
        ----------
        threshold
            Largest change of a projection that a vertex may withhold, at least 0.
        """
        for vertex in self._members:
            self._post(vertex.set_threshold(threshold))

    def set_frozen(self, frozen: bool) -> None:
        """Stop the steps of all vertices, or resume them.

        Parameters
        ----------
        frozen
            True to stop, False to resume.
        """
        self._frozen = frozen

    def set_pins(self, order: SetPins) -> None:
        """Replace the pins of the vertices, unless the host already has this or a later version.

        Parameters
        ----------
        order
            The pins, their version, and the rule fitted to them.

        Raises
        ------
        RuleError
            If the rule has no program for a vertex with its new pins.
        """
        if order.pins_version > self.pins_version:
            self.pins_version = order.pins_version
            self._rule = order.rule
            self._frozen = False
            # A new pin may raise the forces. This does not count as divergence.
            self._guards.clear()
            self._post(self.group.set_pins(order.constraints, order.rule.start))

    def disturb(self, vertex: str, change: Array) -> None:
        """Add a push, a change from outside, to the stalk of one vertex.

        Parameters
        ----------
        vertex
            A vertex of this host.
        change
            The change, shape (dim, batch).
        """
        self._post(self.group.vertices[vertex].disturb(change))

    def counters(self) -> Counters:
        """Return the numbers of steps, messages and frames of this incarnation of the host."""
        return self.transport.counted(self.group.counters())

    def view(self) -> EdgeView:
        """Return the view of this host: measurements of its edges and pins, and its counters."""
        shows_maps = self._learns and not self._learns_in_steps
        return EdgeView.of(self.group, self.counters(), self.group.maps() if shows_maps else {})

    def obey(self, request: StatusRequest) -> None:
        """Carry out the orders in a request.

        The host drops the edge states of all steps up to ``request.known``, inclusive. If
        ``request.drain`` is true, it finishes the batches in flight and begins no others.

        Parameters
        ----------
        request
            The request of the coordinator.
        """
        self.group.forget(request.known)
        if request.drain:
            self.group.drain()

    def report(self, request: StatusRequest, *, with_view: bool = False) -> StatusReport:
        """Return the report of this host. The host does not change.

        Parameters
        ----------
        request
            The request to answer.
        with_view
            Whether the report shall contain the ``view`` of this host; False by default.
        """
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
        """Step every vertex that has a reason to step, until one of them has diverged.

        Messages between vertices of this host are delivered at once, before the next vertex steps.
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
        """Whether small steps may be postponed: the rule allows it, and a frame is in flight."""
        return self._rule.may_wait and self.transport.awaits

    def _moves(self, vertex: Vertex, awaits: bool) -> bool:
        """Return whether a vertex has a reason to step, and the step may not be postponed."""
        return vertex.runnable and not (awaits and self._deferral.defers(vertex.stationarity))

    def _guard(self, vertex: Vertex) -> DivergenceGuard:
        """Return a new divergence guard of a vertex, with a limit set by its present force."""
        guard = self._guards[vertex.name] = DivergenceGuard(
            vertex.stationarity, self._rule.growth_limit
        )
        return guard

    def _post(self, messages: list[Message]) -> None:
        """Deliver messages for vertices of this host, and put all other messages into outboxes."""
        for message in self.group.deliver(messages):
            self.transport.put(message)
            self.sent += 1
