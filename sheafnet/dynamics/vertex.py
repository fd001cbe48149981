"""The vertex: an actor that holds one stalk, receives messages, steps and returns messages.

A vertex has no clock, network or random source. Therefore a test can build a single vertex and call
its methods.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sheafnet.core.arrays import Array, largest
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.messages import Key, Kind, Message
from sheafnet.dynamics.program import BatchStep, Program
from sheafnet.dynamics.star import Constraint, Star
from sheafnet.errors import DeliveryError

NEAR_STATIONARY: Final = 1000.0
"""Multiple of the send threshold. A vertex with a larger force on it sends every projection.

A step under such a force changes nearly every projection. To check which projections have changed
would take time and would save few messages.
"""


class Vertex:
    """An actor for one vertex, made of a star, an inbox and a program.

    Where several batches are in flight, the program has a star for each batch. Then the attribute
    ``star`` is the star that was used in the last step.

    Parameters
    ----------
    star
        Stalk, incidences and pins of the vertex.
    program
        Program of the vertex under the rule of the run.

    Attributes
    ----------
    name
        Name of the vertex.
    star, inbox, program
        The star, the messages received, and the program. Other pins bring a new program.
    updates
        Number of steps taken.
    """

    def __init__(self, star: Star, program: Program) -> None:
        self.name = star.name
        self.star = star
        self.inbox = Inbox()
        self.program = program
        self.updates = 0
        # Whether the vertex has a reason to step without a new message. A program that does not
        # greet is ready only while its next step is due. Being ready is then reason enough.
        self._restless = not program.greets
        # Version of the inbox at the last step. −1 makes a vertex without neighbours step once.
        self._acted_on = -1
        self._own_keys = tuple(Key(Kind.PROJECTION, inc.edge, star.name) for inc in star.incidences)
        self._said = star.projections
        self._shapes = {
            (inc.edge, inc.neighbour): projection.shape
            for inc, projection in zip(star.incidences, star.projections, strict=True)
        }

    def start(self) -> list[Message]:
        """Return the messages that the vertex sends before its first step.

        These are its projections onto all edges. The list is empty if ``greets`` of the program is
        False; see ``sn.Program``.
        """
        if not self.program.greets:
            return []
        self.star.sequence += 1
        return self._everything()

    def receive(self, message: Message, incarnation: int = 0) -> bool:
        """Put one message in the inbox; return whether it was kept.

        Parameters
        ----------
        message
            A message from a neighbour.
        incarnation
            Number of restarts of the sender's host.

        Returns
        -------
        bool
            Whether the message was kept. It is not kept if the inbox has a message of the same key
            that is at least as new, or if its tag is below the least tag that is still needed.

        Raises
        ------
        DeliveryError
            If the vertex has no edge with the name in the message, if the sender is not the
            neighbour on that edge, or if a projection or tension does not have the shape
            (edge dim, batch).
        """
        key = message.key
        shape = self._shapes.get(message.line)
        if shape is None:
            raise DeliveryError(
                f"vertex {self.name!r} has no edge {key.edge!r} to {key.sender!r}; "
                "the message was refused"
            )
        if key.kind is not Kind.ELIMINATION and message.array.shape != shape:
            raise DeliveryError(
                f"vertex {self.name!r}: a {key.kind} onto {key.edge!r} has shape {shape}, "
                f"got {message.array.shape}; the message was refused"
            )
        return self.inbox.accept(message, incarnation)

    @property
    def ready(self) -> bool:
        """Whether the vertex can step now; see ``sn.Program.ready``."""
        return self.program.ready(self.star, self.inbox)

    @property
    def stationarity(self) -> float:
        """The largest magnitude of the force on the vertex; see ``sn.Program.stationarity``."""
        return self.program.stationarity(self.star, self.inbox)

    @property
    def batches_left(self) -> int:
        """The number of batches from which the vertex has not learned yet."""
        return self.program.batches_left

    @property
    def trouble(self) -> str:
        """A phrase that says which quantity of a diverged run was too large or not finite."""
        force = f"the force on {self.name!r} reached {self.stationarity:.3g}"
        return self.program.trouble() or f"{force} at its update {self.updates}"

    @property
    def runnable(self) -> bool:
        """Whether the vertex is ready and has a reason to step.

        A reason is a message kept since the last step. Another reason is that the last step moved
        the stalk, or changed a map, and was not final. If ``greets`` of the program is False, a
        ready vertex always has a reason.
        """
        return (self._restless or self._acted_on != self.inbox.version) and self.ready

    def set_threshold(self, threshold: float) -> list[Message]:
        """Set the send threshold; return the projections that have to be sent because of it.

        A projection has to be sent if it differs by more than ``threshold`` from the projection
        that was sent last on its edge. Afterwards the vertex may step without a new message,
        because a smaller threshold may need another step.
        """
        self.star.send_threshold = threshold
        self._restless = True
        self.star.sequence += 1
        return self._news()

    def disturb(self, change: Array) -> list[Message]:
        """Push the vertex: add ``change`` to its stalk. Return the projections to send.

        The vertex does not step before the next message arrives. Under some rules a step does not
        depend on the present stalk. An immediate step would then undo the push before a neighbour
        had received it.
        """
        self.star.move(self.star.stalk + change)
        self._restless, self._acted_on = False, self.inbox.version
        self.star.sequence += 1
        return self._everything()

    def set_pins(self, constraint: Constraint, start: Callable[[Star], Program]) -> list[Message]:
        """Replace the pins and the set of held neighbours; return the projections to send.

        If the pins differ from the present pins, the coordinates held by new hard pins take the
        values of these pins, the other coordinates keep their values, and the vertex gets a new
        program. If the pins are the same, the vertex keeps its program, and the result is empty.

        Parameters
        ----------
        constraint
            The new pins and held neighbours.
        start
            Function that returns the program for a star: ``Rule.start`` of the fitted rule.

        Raises
        ------
        RuleError
            If the rule cannot start at this vertex; see ``sheafnet.dynamics.rule.Rule.start``.
        """
        star = self.star
        before, pins = star.pins, constraint.pins
        star.constrain(constraint)
        if before is None if pins is None else pins.same_as(before):
            return []
        star.move(star.stalk if pins is None else pins.imposed_on(star.stalk))
        self.program = start(star)
        self._restless = True
        self.star.sequence += 1
        return self._everything()

    def step(self) -> list[Message]:
        """Run one step of the program; return the messages to the neighbours.

        Call this method only while ``ready`` is true.
        """
        self._acted_on = self.inbox.version
        send_threshold = self.star.send_threshold
        far = (
            send_threshold == 0.0
            or self.star.stationarity(self.inbox) > NEAR_STATIONARY * send_threshold
        )
        stalk, edge_messages, final, maps, at_least, batch = self.program.step(
            self.star, self.inbox
        )
        if batch is not None:
            self.star = batch.star
        star = self.star
        self.updates += 1
        star.sequence = max(star.sequence + 1, at_least)
        if self.program.greets:
            self._restless = (stalk is not None or bool(maps)) and not final
        if maps:
            star.learn(maps)
        if batch is not None:
            messages = self._step_of_batch(stalk, batch)
        elif stalk is None and not maps:
            messages = []
        else:
            star.move(star.stalk if stalk is None else stalk)
            messages = self._everything() if far else self._news()
        for kind, edge, tag, array in edge_messages:
            messages.append(Message(Key(kind, edge, self.name, tag), star.sequence, array))
        return messages

    def _step_of_batch(self, stalk: Array | None, batch: BatchStep) -> list[Message]:
        """Set the pins and the stalk after a step of a batch; return the projections to send."""
        star = self.star
        if batch.pins is not None:
            star.constrain(star.constraint._replace(pins=batch.pins))
        if stalk is not None:
            star.turn_to(batch.tag)
            star.move(stalk)
        return [
            Message(Key(Kind.PROJECTION, inc.edge, self.name, batch.tag), star.sequence, projection)
            for inc, projection in zip(star.incidences, star.projections, strict=True)
            if inc.edge in batch.edges
        ]

    def _everything(self) -> list[Message]:
        """Return a message with the projection onto every edge."""
        sequence, said = self.star.sequence, self.star.projections
        self._said = said
        return [Message(key, sequence, said[end]) for end, key in enumerate(self._own_keys)]

    def _news(self) -> list[Message]:
        """Return the projections that differ from those sent last by more than the threshold."""
        said, messages = list(self._said), []
        for end, key in enumerate(self._own_keys):
            projection = self.star.projections[end]
            if largest(projection - said[end]) > self.star.send_threshold:
                said[end] = projection
                messages.append(Message(key, self.star.sequence, projection))
        self._said = tuple(said)
        return messages
