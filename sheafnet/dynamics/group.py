"""The group of vertices of one host, and the one place where messages are delivered.

Lockstep drives one group with all vertices; on the simulator and on a cluster each host drives one.
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
    """The receiver of the messages of one neighbour across one edge, and the count of them."""

    __slots__ = ("delivered", "receiver")

    def __init__(self, receiver: Vertex) -> None:
        self.receiver = receiver
        self.delivered = 0


class Group:
    """The vertices of one host, with the delivery of messages to them.

    Parameters
    ----------
    vertices
        The members of the group. They affect each other only through messages.

    Attributes
    ----------
    vertices
        Name → member.
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
        """Return the first messages of every member, undelivered."""
        return [message for vertex in self.vertices.values() for message in vertex.start()]

    def deliver(self, messages: Iterable[Message]) -> list[Message]:
        """Deliver messages to members; return those for vertices outside the group.

        Raises
        ------
        DeliveryError
            If a projection or tension for a member does not have the shape of the edge stalk.
        """
        return [message for message in messages if not self.hand(message)]

    def hand(self, message: Message, incarnation: int = 0) -> bool:
        """Deliver one message; return whether its receiver is a member.

        Parameters
        ----------
        message
            A message from a member or from a vertex outside the group.
        incarnation
            Number of restarts of the sender's host.

        Raises
        ------
        DeliveryError
            If a projection or tension does not have the shape of the edge stalk.
        """
        line = self._lines.get(message.line)
        if line is None:
            return False
        if line.receiver.receive(message, incarnation):
            line.delivered += 1
            self.messages += 1
        return True

    def step(self, names: Iterable[str]) -> list[Message]:
        """Step the named members that are ready; return their messages, undelivered."""
        messages: list[Message] = []
        for name in names:
            vertex = self.vertices[name]
            if vertex.ready:
                messages += vertex.step()
        return messages

    def stationarity(self) -> dict[str, float]:
        """Return the largest magnitude of the force on every member, by its latest messages."""
        return {name: vertex.stationarity for name, vertex in self.vertices.items()}

    def batches_left(self) -> dict[str, int]:
        """Return the number of batches that every member has still to learn from."""
        return {name: vertex.batches_left for name, vertex in self.vertices.items()}

    def set_pins(
        self, constraints: Mapping[str, Constraint], start: Callable[[Star], Program]
    ) -> list[Message]:
        """Replace the pins and held neighbours of every member.

        Parameters
        ----------
        constraints
            Vertex → its pins and held neighbours, for every member.
        start
            Function that returns the program for a star: ``Rule.start`` of the fitted rule.

        Returns
        -------
        list of Message
            Projections of the members whose pins have changed, undelivered.

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

        Where maps learn in steps, it is the discord in the last step of each edge. It is empty
        before every member has received all projections, or before the first step of training.
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

        It is 0 before every member has received all projections.
        """
        if not self.received_all:
            return 0.0
        total = 0.0
        for vertex in self.vertices.values():
            total += vertex.star.energy(vertex.inbox)
        return total

    def pin_residuals(self) -> dict[str, Array]:
        """Return the residual √γ (x − value) of every soft pin of a member, by name of the pin."""
        return {
            pin: residual
            for vertex in self.vertices.values()
            for pin, residual in vertex.star.pin_residuals().items()
        }

    def stalks(self) -> dict[str, Array]:
        """Return the stalk of every member."""
        return {name: vertex.star.stalk for name, vertex in self.vertices.items()}

    def maps(self) -> dict[str, RestrictionMap]:
        """Return the present tail map of every edge whose tail is a member."""
        return {
            inc.edge: inc.map
            for vertex in self.vertices.values()
            for inc in vertex.star.incidences
            if inc.is_tail
        }

    def edge_stats(self) -> dict[str, EdgeStats]:
        """Return the statistics of the last training step of every edge whose tail is a member.

        Empty unless maps learn in steps.
        """
        return {
            edge: stats
            for vertex in self.vertices.values()
            for edge, stats in vertex.program.edge_stats.items()
        }

    def edge_states(self) -> dict[StepEdge, EdgeState]:
        """Return the states of edges after past training steps that members still keep."""
        return {
            key: state
            for vertex in self.vertices.values()
            for key, state in vertex.program.edge_states.items()
        }

    def drain(self) -> None:
        """Let every member finish the batches in flight and begin no other.

        Raises
        ------
        NotImplementedError
            If maps do not learn in steps.
        """
        for vertex in self.vertices.values():
            vertex.program.drain()

    def forget(self, step: int) -> None:
        """Drop the edge states up to a training step at every member."""
        for vertex in self.vertices.values():
            vertex.program.forget(step)

    def counters(self) -> Counters:
        """Return the counters of the members' steps and of the messages that they received."""
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
