"""The program of one vertex under a rule: a state machine that sees a star and an inbox."""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, NamedTuple

from sheafnet.core.arrays import Array
from sheafnet.core.maps import RestrictionMap
from sheafnet.core.stalkpins import StalkPins
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.messages import Kind
from sheafnet.dynamics.star import Star
from sheafnet.dynamics.training_state import EdgeState, EdgeStats, StepEdge

NOTHING_LEARNED: Mapping[str, RestrictionMap] = MappingProxyType({})


class EdgeMessage(NamedTuple):
    """Something a program says across an edge beside the projections."""

    kind: Kind
    edge: str
    tag: int
    array: Array


class BatchStep(NamedTuple):
    """What a step is besides, where a vertex has several batches in flight.

    Attributes
    ----------
    star
        The star of the batch, one of those that the vertex has.
    edges
        Onto which the projection is sent, moved or not.
    tag
        The batch that the stalk and its messages belong to.
    pins
        The pins of the stalk from now on; None for those that it has.
    """

    star: Star
    edges: tuple[str, ...] = ()
    tag: int = 0
    pins: StalkPins | None = None


class Step(NamedTuple):
    """What came of one step.

    Attributes
    ----------
    stalk
        The new stalk, or None if the vertex did not move. A vertex that moved sends every
        neighbour its new projection without being asked to, unless ``batch`` says whom.
    messages
        Whatever else is to be sent.
    final
        Whether another step would change nothing before there is news from a neighbour.
    maps
        Edge → the vertex's own map there from now on, where it has learned.
    at_least
        Least sequence of what is sent, where the rule counts turns by it.
    batch
        Which batch it was a step of, where vertices learn from batches.
    """

    stalk: Array | None
    messages: tuple[EdgeMessage, ...] = ()
    final: bool = False
    maps: Mapping[str, RestrictionMap] = NOTHING_LEARNED
    at_least: int = 0
    batch: BatchStep | None = None


class Program(abc.ABC):
    """One vertex's instance of a rule; it may keep any state of its own.

    Attributes
    ----------
    greets
        Whether the vertex says its projections before its first step.
    """

    greets: ClassVar[bool] = True

    @abc.abstractmethod
    def ready(self, star: Star, inbox: Inbox) -> bool:
        """Return whether the vertex may step now."""

    @abc.abstractmethod
    def step(self, star: Star, inbox: Inbox) -> Step:
        """Compute one step from what the vertex sees. The star is not to be changed."""

    def stationarity(self, star: Star, inbox: Inbox) -> float:
        """Return the largest force that can move the vertex.

        Infinite before it has received every projection, NaN or infinite if it explodes.
        """
        if star.pinned:
            return 0.0
        return star.stationarity(inbox) if star.received_all(inbox) else math.inf

    @property
    def batches_left(self) -> int:
        """How many batches the vertex has not learned from yet; 0 where it learns from none."""
        return 0

    def trouble(self) -> str | None:
        """Say what exploded; None for the force on the vertex."""
        return None

    @property
    def edge_states(self) -> Mapping[StepEdge, EdgeState]:
        """What was wanted of past steps, where maps learn in steps."""
        return {}

    @property
    def edge_stats(self) -> Mapping[str, EdgeStats]:
        """Edge → what was last seen there, where maps learn in steps."""
        return {}

    def recall(self, step: int, state: EdgeState | None) -> None:
        """Go on after so many steps, with what was kept of the vertex's own edge then."""
        raise NotImplementedError("only what learns in steps can go on from one")

    def drain(self) -> None:
        """Come to an end that all vertices have in common: finish what has begun, and keep it."""
        raise NotImplementedError("only what learns in steps ends after one")

    def forget(self, step: int) -> None:  # noqa: B027
        """Drop what is kept up to that step, which is known elsewhere by now."""


class Hold(Program):
    """The program of a pinned vertex: it never moves."""

    def ready(self, star: Star, inbox: Inbox) -> bool:  # noqa: ARG002
        return False

    def step(self, star: Star, inbox: Inbox) -> Step:  # noqa: ARG002
        return Step(None)
