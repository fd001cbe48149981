"""A vertex stalk as an actor: it can be built alone and run by hand."""

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
"""Times the send threshold: under a larger force all is sent, without looking at what changed."""


class Vertex:
    """A star, an inbox and a program; messages in, messages out.

    Where the program has several computations under way, each has a star of its own, and ``star``
    is that of the last step.

    Parameters
    ----------
    star
        What the vertex is and sees.
    program
        What it does.

    Attributes
    ----------
    updates
        How often it has stepped.
    """

    def __init__(self, star: Star, program: Program) -> None:
        self.name = star.name
        self.star = star
        self.inbox = Inbox()
        self.program = program
        self.updates = 0
        # Who does not begin with a word to everyone takes turns: being ready is reason enough.
        self._restless = not program.greets
        self._acted_on = -1  # a vertex without neighbours has to step once without any mail
        self._own_keys = tuple(Key(Kind.PROJECTION, inc.edge, star.name) for inc in star.incidences)
        self._said = star.projections
        self._shapes = {
            (inc.edge, inc.neighbour): projection.shape
            for inc, projection in zip(star.incidences, star.projections, strict=True)
        }

    def start(self) -> list[Message]:
        """Return what is said first: the projections, one for each neighbour, if anything."""
        if not self.program.greets:
            return []
        self.star.sequence += 1
        return self._everything()

    def receive(self, message: Message, incarnation: int = 0) -> bool:
        """Take in one message; return whether it was newer than what was here.

        Parameters
        ----------
        message
            From a neighbour.
        incarnation
            How often the sender has been restarted.

        Raises
        ------
        DeliveryError
            If the vertex has no such edge, its neighbour there is another, or a projection
            or tension does not fit the stalk of the edge.
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
        """Whether the program may step now."""
        return self.program.ready(self.star, self.inbox)

    @property
    def stationarity(self) -> float:
        """The largest force that can move the vertex, as far as it knows; see ``Program``."""
        return self.program.stationarity(self.star, self.inbox)

    @property
    def batches_left(self) -> int:
        """How many batches the vertex has not learned from yet; see ``Program``."""
        return self.program.batches_left

    @property
    def trouble(self) -> str:
        """What exploded, if something did."""
        force = f"the force on {self.name!r} reached {self.stationarity:.3g}"
        return self.program.trouble() or f"{force} at its update {self.updates}"

    @property
    def runnable(self) -> bool:
        """Whether the vertex is ready and has a reason to step: unread mail, or it moved."""
        return (self._restless or self._acted_on != self.inbox.version) and self.ready

    def set_threshold(self, threshold: float) -> list[Message]:
        """Act on anything larger than ``threshold`` from now on; return what to send for it."""
        self.star.send_threshold = threshold
        self._restless = True
        self.star.sequence += 1
        return self._news()

    def disturb(self, change: Array) -> list[Message]:
        """Take a push from outside, added to the stalk; return what must be said of it.

        The vertex acts on it with the next news: a rule that forgets where it was would undo the
        push at once, before anybody had heard of it.
        """
        self.star.move(self.star.stalk + change)
        self._restless, self._acted_on = False, self.inbox.version
        self.star.sequence += 1
        return self._everything()

    def set_pins(self, constraint: Constraint, start: Callable[[Star], Program]) -> list[Message]:
        """Obey other pins from where the vertex is; return what must be said for it.

        A vertex whose own pins are as they were goes on undisturbed.

        Parameters
        ----------
        constraint
            What is pinned from now on.
        start
            Gives the program of a star, held or free.
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
        """Run the program once; return the messages to the neighbours."""
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
        """Take what a step of a batch brings; return the projections onto its edges."""
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
        """Return the projection onto every edge."""
        sequence, said = self.star.sequence, self.star.projections
        self._said = said
        return [Message(key, sequence, said[end]) for end, key in enumerate(self._own_keys)]

    def _news(self) -> list[Message]:
        """Return the projections that differ enough from those that were sent last."""
        said, messages = list(self._said), []
        for end, key in enumerate(self._own_keys):
            projection = self.star.projections[end]
            if largest(projection - said[end]) > self.star.send_threshold:
                said[end] = projection
                messages.append(Message(key, self.star.sequence, projection))
        self._said = tuple(said)
        return messages
