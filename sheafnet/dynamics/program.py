"""What a rule makes of one vertex: a state machine that sees a star and an inbox."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from sheafnet.core.arrays import Array
from sheafnet.core.maps import RestrictionMap
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.messages import Kind
from sheafnet.dynamics.star import Star

NOTHING_LEARNED: Mapping[str, RestrictionMap] = MappingProxyType({})


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
    maps
        Edge → the vertex's own map there from now on, where it has learned.
    """

    stalk: Array | None
    letters: tuple[Letter, ...] = ()
    at_least: int = 0
    final: bool = False
    maps: Mapping[str, RestrictionMap] = NOTHING_LEARNED


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
