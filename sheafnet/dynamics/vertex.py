"""A vertex stalk as an actor: it can be built alone and run by hand."""

from __future__ import annotations

from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.messages import Key, Kind, Message
from sheafnet.dynamics.program import Program
from sheafnet.dynamics.star import Star
from sheafnet.errors import DeliveryError


class Vertex:
    """A star, an inbox and a program; messages in, messages out.

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
        self._sequence = 0
        self._own_keys = tuple(Key(Kind.PROJECTION, inc.edge, star.name) for inc in star.incidences)
        self._known = {(inc.edge, inc.neighbour) for inc in star.incidences}

    def start(self) -> list[Message]:
        """Return the first projections, one for each neighbour."""
        return self._speak(moved=True)

    def receive(self, message: Message, incarnation: int = 0) -> bool:
        """Take in one message; return whether it was newer than what was here.

        Raises
        ------
        DeliveryError
            If the vertex has no such edge, or its neighbour there is another.
        """
        if (message.key.edge, message.key.sender) not in self._known:
            raise DeliveryError(
                f"vertex {self.name!r} has no edge {message.key.edge!r} "
                f"to {message.key.sender!r}; the message was refused"
            )
        return self.inbox.accept(message, incarnation)

    @property
    def ready(self) -> bool:
        """Whether every neighbour has been heard and the program is willing."""
        return self.inbox.has(self.star.heard_keys) and self.program.ready(self.star, self.inbox)

    def step(self) -> list[Message]:
        """Run the program once; return what the neighbours are to be told."""
        stalk, letters = self.program.step(self.star, self.inbox)
        self.updates += 1
        if stalk is not None:
            self.star.move(stalk)
        messages = self._speak(moved=stalk is not None)
        for kind, edge, tag, array in letters:
            messages.append(Message(Key(kind, edge, self.name, tag), self._sequence, array))
        return messages

    def _speak(self, *, moved: bool) -> list[Message]:
        self._sequence += 1
        if not moved:
            return []
        pairs = zip(self._own_keys, self.star.projections, strict=True)
        return [Message(key, self._sequence, projection) for key, projection in pairs]
