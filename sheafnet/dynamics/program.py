"""What a rule makes of one vertex: a state machine that sees a star and an inbox."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from sheafnet.core.arrays import Array
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.messages import Kind
from sheafnet.dynamics.star import Star


class Letter(NamedTuple):
    """Something a program says across an edge beside the projections."""

    kind: Kind
    edge: str
    tag: int
    array: Array


class Step(NamedTuple):
    """What came of one step.

    Attributes
    ----------
    stalk
        The new stalk, or None if the vertex did not move. A vertex that moved tells every
        neighbour its new projection without being asked to.
    letters
        Whatever else is to be said.
    at_least
        Least sequence of what is said, where the rule counts turns by it.
    final
        Whether another step would change nothing before there is news from a neighbour.
    """

    stalk: Array | None
    letters: tuple[Letter, ...] = ()
    at_least: int = 0
    final: bool = False


class Program(Protocol):
    """One vertex's instance of a rule; it may keep any state of its own."""

    def ready(self, star: Star, inbox: Inbox) -> bool:
        """Return whether the vertex may step now."""

    def step(self, star: Star, inbox: Inbox) -> Step:
        """Compute one step from what the vertex sees. The star is not to be changed."""


class Hold:
    """The program of a pinned vertex: it never moves."""

    def ready(self, star: Star, inbox: Inbox) -> bool:  # noqa: ARG002
        return False

    def step(self, star: Star, inbox: Inbox) -> Step:  # noqa: ARG002
        return Step(None)
