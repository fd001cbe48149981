"""The group of the vertices of one host. It delivers messages to these vertices.

Lockstep has one group with all vertices. On the simulator and on a cluster, each host has a group
of its own vertices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sheafnet.core.arrays import Array
from sheafnet.core.energy import discord
from sheafnet.core.maps import RestrictionMap
from sheafnet.dynamics.counters import Counters
from sheafnet.dynamics.messages import Message
from sheafnet.dynamics.program import Program
from sheafnet.dynamics.star import Constraint, Star
from sheafnet.dynamics.training_state import EdgeState, EdgeStats, StepEdge
from sheafnet.dynamics.vertex import Vertex


class _Line:
    """The receiver of the messages in one direction of an edge, and how many of them it kept."""

    __slots__ = ("delivered", "receiver")

    def __init__(self, receiver: Vertex) -> None:
        self.receiver = receiver
        self.delivered = 0


class Group:
    """The vertices of one host, called its members, and the delivery of messages to them.

    Parameters
    ----------
    vertices
        The members of the group. They affect each other only through messages.

    Attributes
    ----------
    vertices
        Name of a vertex → the vertex, for all members.
    messages
        Number of messages that members have kept so far.
    """

    def __init__(self, vertices: Iterable[Vertex]) -> None:
        self.vertices = {vertex.name: vertex for vertex in vertices}
        self._lines = {
            (inc.edge, inc.neighbour): _Line(vertex)
            for vertex in self.vertices.values()
            for inc in vertex.star.incidences
        }
        self.messages = 0

    def start(self) -> list[Message]:
        """Return the first messages of every member; they are not delivered yet."""
        return [message for vertex in self.vertices.values() for message in vertex.start()]

    def deliver(self, messages: Iterable[Message]) -> list[Message]:
        """Deliver the messages whose receiver is a member; return all other messages.

        Raises
        ------
        DeliveryError
            If a projection or tension for a member does not have the shape (edge dim, batch).
        """
        return [message for message in messages if not self.hand(message)]

    def hand(self, message: Message, incarnation: int = 0) -> bool:
        """Deliver ``message`` if its receiver is a member; return whether the receiver is one.

        Parameters
        ----------
        message
            A message from a member or from a vertex outside the group.
        incarnation
            Number of restarts of the sender's host.

        Raises
        ------
        DeliveryError
            If a projection or tension for a member does not have the shape (edge dim, batch).
        """
        line = self._lines.get(message.line)
        if line is None:
            return False
        if line.receiver.receive(message, incarnation):
            line.delivered += 1
            self.messages += 1
        return True

    def step(self, names: Iterable[str]) -> list[Message]:
        """Run one step of each vertex in ``names`` that is ready; return the undelivered messages.

        The vertices step in the order of ``names``.
        """
        messages: list[Message] = []
        for name in names:
            vertex = self.vertices[name]
            if vertex.ready:
                messages += vertex.step()
        return messages

    def stationarity(self) -> dict[str, float]:
        """Return for every member the largest magnitude of the force on it."""
        return {name: vertex.stationarity for name, vertex in self.vertices.items()}

    def batches_left(self) -> dict[str, int]:
        """Return for every member the number of batches from which it has not learned yet."""
        return {name: vertex.batches_left for name, vertex in self.vertices.items()}

    def set_pins(
        self, constraints: Mapping[str, Constraint], start: Callable[[Star], Program]
    ) -> list[Message]:
        """Replace the pins of every member, and the set of its neighbours that are held by pins.

        Parameters
        ----------
        constraints
            Name of the vertex → its new pins and held neighbours, for every member.
        start
            Function that returns the program for a star: ``Rule.start`` of the fitted rule.

        Returns
        -------
        list of Message
            Projections of the members whose pins have changed; they are not delivered yet.

        Raises
        ------
        RuleError
            If the rule cannot start at a member; see ``sheafnet.dynamics.rule.Rule.start``.
        """
        return [
            message
            for name, vertex in self.vertices.items()
            for message in vertex.set_pins(constraints[name], start)
        ]

    def residuals(self) -> dict[str, Array]:
        """Return the residual of every edge whose tail is a member, shape (edge dim, batch)."""
        return {
            edge: residual
            for vertex in self.vertices.values()
            for edge, residual in vertex.star.residuals(vertex.inbox).items()
        }

    def discord(self) -> dict[str, float]:
        """Return the discord of every edge whose tail is a member.

        Under a rule that learns from batches, it is the discord in the last training step of the
        edge. The result is empty until the first training step. Under other rules, it is empty
        until every member has received a projection on every incidence.
        """
        edge_stats = self.edge_stats()
        if edge_stats:
            return {edge: stats.discord for edge, stats in edge_stats.items()}
        return discord(self.residuals()) if self.received_all else {}

    @property
    def received_all(self) -> bool:
        """Whether every member has received a projection on every incidence."""
        return all(vertex.star.received_all(vertex.inbox) for vertex in self.vertices.values())

    def energy(self) -> float:
        """Return the energy of all edges whose tail is a member, and of the members' soft pins.

        The result is 0 until every member has received a projection on every incidence.
        """
        if not self.received_all:
            return 0.0
        total = 0.0
        for vertex in self.vertices.values():
            total += vertex.star.energy(vertex.inbox)
        return total

    def pin_residuals(self) -> dict[str, Array]:
        """Return the residual √γ (x − value) of every soft pin of a member, by name of the pin.

        Here x is the stalk of the member, and γ the strength of the pin in each coordinate.
        """
        return {
            pin: residual
            for vertex in self.vertices.values()
            for pin, residual in vertex.star.pin_residuals().items()
        }

    def stalks(self) -> dict[str, Array]:
        """Return the stalk of every member."""
        return {name: vertex.star.stalk for name, vertex in self.vertices.items()}

    def maps(self) -> dict[str, RestrictionMap]:
        """Return the present map at the tail of every edge whose tail is a member."""
        return {
            inc.edge: inc.map
            for vertex in self.vertices.values()
            for inc in vertex.star.incidences
            if inc.is_tail
        }

    def edge_stats(self) -> dict[str, EdgeStats]:
        """Return the statistics of the last training step of every edge whose tail is a member.

        The result is empty unless the rule learns from batches.
        """
        return {
            edge: stats
            for vertex in self.vertices.values()
            for edge, stats in vertex.program.edge_stats.items()
        }

    def edge_states(self) -> dict[StepEdge, EdgeState]:
        """Return all edge states that members keep for snapshots; ``forget`` drops them."""
        return {
            key: state
            for vertex in self.vertices.values()
            for key, state in vertex.program.edge_states.items()
        }

    def drain(self) -> None:
        """Make every member finish the batches in flight and begin no other batch.

        Raises
        ------
        NotImplementedError
            If the rule does not learn from batches.
        """
        for vertex in self.vertices.values():
            vertex.program.drain()

    def forget(self, step: int) -> None:
        """Drop the edge states of all training steps up to ``step``, inclusive, at every member."""
        for vertex in self.vertices.values():
            vertex.program.forget(step)

    def counters(self) -> Counters:
        """Return the counters of the members' steps and of the messages that the members kept."""
        inboxes = [vertex.inbox for vertex in self.vertices.values()]
        return Counters(
            updates={name: vertex.updates for name, vertex in self.vertices.items()},
            delivered={
                (edge, sender, line.receiver.name): line.delivered
                for (edge, sender), line in self._lines.items()
            },
            staleness=tuple(map(sum, zip(*(inbox.staleness for inbox in inboxes), strict=True))),
            staleness_sum=sum(inbox.staleness_sum for inbox in inboxes),
            max_staleness=max(inbox.max_staleness for inbox in inboxes),
        )
