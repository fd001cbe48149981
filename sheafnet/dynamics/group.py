"""Vertices that live together, and the one place where messages are delivered."""

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
    """The way of what one neighbour says across one edge to a member."""

    __slots__ = ("delivered", "receiver")

    def __init__(self, receiver: Vertex) -> None:
        self.receiver = receiver
        self.delivered = 0


class Group:
    """Some vertices, their local delivery and the ledger of it.

    Parameters
    ----------
    vertices
        The members. Members reach each other, and nobody else, by messages.

    Attributes
    ----------
    messages
        Messages kept by members so far.
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
        """Return the first projections of every member."""
        return [message for vertex in self.vertices.values() for message in vertex.start()]

    def deliver(self, messages: Iterable[Message]) -> list[Message]:
        """Hand on what members say; return what is for vertices elsewhere.

        Raises
        ------
        DeliveryError
            If a message does not fit its edge.
        """
        return [message for message in messages if not self.hand(message)]

    def hand(self, message: Message, incarnation: int = 0) -> bool:
        """Hand a message to the member it is for; return whether there is one.

        Parameters
        ----------
        message
            From a member, or from a vertex elsewhere.
        incarnation
            How often the sender has been restarted.

        Raises
        ------
        DeliveryError
            If the message does not fit its edge.
        """
        line = self._lines.get(message.line)
        if line is None:
            return False
        if line.receiver.receive(message, incarnation):
            line.delivered += 1
            self.messages += 1
        return True

    def step(self, names: Iterable[str]) -> list[Message]:
        """Step those of the named members that are ready; return what they say, undelivered."""
        messages: list[Message] = []
        for name in names:
            vertex = self.vertices[name]
            if vertex.ready:
                messages += vertex.step()
        return messages

    def stationarity(self) -> dict[str, float]:
        """Return the largest |∇E| of every member, each from the latest projections there."""
        return {name: vertex.stationarity for name, vertex in self.vertices.items()}

    def batches_left(self) -> dict[str, int]:
        """Return how many batches every member has not learned from yet."""
        return {name: vertex.batches_left for name, vertex in self.vertices.items()}

    def set_pins(
        self, constraints: Mapping[str, Constraint], start: Callable[[Star], Program]
    ) -> list[Message]:
        """Have every member obey its constraint.

        Returns
        -------
        list of Message
            What is to be sent for it, undelivered.
        """
        return [
            message
            for name, vertex in self.vertices.items()
            for message in vertex.set_pins(constraints[name], start)
        ]

    def residuals(self) -> dict[str, Array]:
        """Return the residual of every edge whose tail is a member."""
        return {
            edge: residual
            for vertex in self.vertices.values()
            for edge, residual in vertex.star.residuals(vertex.inbox).items()
        }

    def discord(self) -> dict[str, float]:
        """Return that of every edge whose tail is a member, as far as it is known.

        Where maps learn in steps, of the last step.
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
        """Return the energy of every edge whose tail is a member, and of their soft pins.

        0 before every member has received all projections.
        """
        if not self.received_all:
            return 0.0
        total = 0.0
        for vertex in self.vertices.values():
            total += vertex.star.energy(vertex.inbox)
        return total

    def pin_residuals(self) -> dict[str, Array]:
        """Return √γ (x − value) of every soft pin of a member."""
        return {
            pin: residual
            for vertex in self.vertices.values()
            for pin, residual in vertex.star.pin_residuals().items()
        }

    def stalks(self) -> dict[str, Array]:
        """Return the stalk of every member."""
        return {name: vertex.star.stalk for name, vertex in self.vertices.items()}

    def maps(self) -> dict[str, RestrictionMap]:
        """Return the map at the tail of every edge whose tail is a member, as it is now."""
        return {
            inc.edge: inc.map
            for vertex in self.vertices.values()
            for inc in vertex.star.incidences
            if inc.is_tail
        }

    def edge_stats(self) -> dict[str, EdgeStats]:
        """Return the last statistics of every edge that a member learns from in steps."""
        return {
            edge: stats
            for vertex in self.vertices.values()
            for edge, stats in vertex.program.edge_stats.items()
        }

    def edge_states(self) -> dict[StepEdge, EdgeState]:
        """Return the states of edges that members keep of past steps."""
        return {
            key: state
            for vertex in self.vertices.values()
            for key, state in vertex.program.edge_states.items()
        }

    def drain(self) -> None:
        """Have every member end after a step that all of them take; see ``Program.drain``."""
        for vertex in self.vertices.values():
            vertex.program.drain()

    def forget(self, step: int) -> None:
        """Have every member drop what it keeps up to that step."""
        for vertex in self.vertices.values():
            vertex.program.forget(step)

    def counters(self) -> Counters:
        """Return what the members have done so far."""
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
