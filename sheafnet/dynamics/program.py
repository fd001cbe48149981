"""The program of one vertex under a rule, and the result of a step.

A program is a state machine: it reads the star and the inbox of its vertex, and nothing else.
"""

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
    """A message that a program sends along an edge in addition to the projections.

    Parameters
    ----------
    kind
        Kind of the array: ``TENSION`` or ``ELIMINATION`` of ``sheafnet.dynamics.messages.Kind``.
    edge
        Name of the edge.
    tag
        Number of the computation that the message belongs to (for a tension, the batch); 0 if
        the rule makes only one computation.
    array
        The array to send; a tension has the shape of a projection, (edge dim, batch).
    """

    kind: Kind
    edge: str
    tag: int
    array: Array


class BatchStep(NamedTuple):
    """The part of a ``Step`` that is used only under rules that learn from batches.

    Attributes
    ----------
    star
        The star of this batch. A vertex has one star for each batch in flight.
    edges
        Names of the edges onto which the vertex sends its projection after the step, whether or
        not the stalk has changed.
    tag
        Number of the batch that the stalk and its messages belong to.
    pins
        New pins of the stalk; None (default) if the pins stay the same.
    """

    star: Star
    edges: tuple[str, ...] = ()
    tag: int = 0
    pins: StalkPins | None = None


class Step(NamedTuple):
    """The result of one step of a program.

    ``Step(None)`` means that the vertex did not move. A program must return it when a step would
    change nothing. After a step that moved the stalk, the vertex steps once more, also without a
    new message, unless ``final`` is True. If a program never returned ``Step(None)``, its vertex
    would step for ever and the run would not end.

    Parameters
    ----------
    stalk
        The new stalk, a new array of shape (dim, batch); None if the vertex did not move. The array
        becomes read-only. After a move the vertex sends its projections to its neighbours. It may
        leave out a projection that differs by at most ``send_threshold`` of its star from the
        projection that it sent last. If ``batch`` is given, the vertex sends its projections onto
        the edges ``batch.edges`` instead.
    messages
        Further messages to send; () (default) for none.
    final
        Whether another step would change nothing until a message arrives. If True, the vertex
        steps again only after a message has arrived. Default False.
    maps
        Edge → the new map at the vertex's own end, under a rule that updates maps. Empty (default)
        if no map changes.
    at_least
        Lower bound on the sequence number of this step. The *sequence number* is a number that the
        star of a vertex increases with every step and that all messages of the step contain. If it
        was n before the step, it is max(at_least, n + 1) after it. A rule needs the bound if it
        compares the sequence numbers of two neighbours to decide which of them steps next. 0
        (default) for no bound.
    batch
        Star, edges and tag of the batch, under a rule that learns from batches; else None
        (default).
    """

    stalk: Array | None
    messages: tuple[EdgeMessage, ...] = ()
    final: bool = False
    maps: Mapping[str, RestrictionMap] = NOTHING_LEARNED
    at_least: int = 0
    batch: BatchStep | None = None


class Program(abc.ABC):
    """The program of one vertex under a rule, made by ``Rule.start`` for each vertex.

    Subclasses implement ``ready`` and ``step`` and may keep any state of their own. When the pins
    of the vertex change, or its host restarts, a new program replaces the old one and its state.
    The base class has no constructor arguments.

    Attributes
    ----------
    greets
        Whether the vertex sends its projections to all neighbours before its first step. The
        methods of ``sn.Star`` that read the inbox need these projections. If False, the vertex
        sends nothing before its first step, and it steps whenever the program is ready, also
        without a new message. Class attribute, default True.
    """

    greets: ClassVar[bool] = True

    @abc.abstractmethod
    def ready(self, star: Star, inbox: Inbox) -> bool:
        """Return whether the vertex can step now.

        Parameters
        ----------
        star
            Star of the vertex; not to be changed.
        inbox
            Inbox of the vertex; not to be changed.
        """

    @abc.abstractmethod
    def step(self, star: Star, inbox: Inbox) -> Step:
        """Compute one step. The method is called only after ``ready`` has returned True.

        Parameters
        ----------
        star
            Star of the vertex; not to be changed.
        inbox
            Inbox of the vertex; not to be changed.

        Returns
        -------
        Step
            The new stalk, or ``Step(None)`` if the step would change nothing. Coordinates that are
            held by a pin must keep their values.
        """

    def stationarity(self, star: Star, inbox: Inbox) -> float:
        """Return the largest magnitude of the force on the vertex, from the latest messages.

        The force is the part of −∇E that can move the vertex; see ``sn.Star``. A vertex is
        stationary when this number is at most the tolerance of the run.

        Parameters
        ----------
        star
            Star of the vertex.
        inbox
            Inbox of the vertex.

        Returns
        -------
        float
            0 if the whole stalk is held. Infinity until a projection has arrived on every
            incidence. NaN or infinity if the force is not finite; the run then ends as diverged.
        """
        if star.pinned:
            return 0.0
        return star.stationarity(inbox) if star.received_all(inbox) else math.inf

    @property
    def batches_left(self) -> int:
        """The number of batches from which the vertex has not learned yet.

        A run converges only when this number is 0 at every vertex. In the base class it is 0,
        because the vertex learns from no batches.
        """
        return 0

    def trouble(self) -> str | None:
        """Return a phrase that names the quantity that was not finite, for a run that diverged.

        The phrase becomes part of the message of the run. If the result is None, as in the base
        class, the message names the force on the vertex.
        """
        return None

    @property
    def edge_states(self) -> Mapping[StepEdge, EdgeState]:
        """The edge states that the vertex keeps for snapshots, by (training step, edge).

        ``forget`` drops them. The mapping is empty unless the rule learns from batches.
        """
        return {}

    @property
    def edge_stats(self) -> Mapping[str, EdgeStats]:
        """The statistics of the last training step, by edge.

        The mapping is empty unless the rule learns from batches.
        """
        return {}

    def recall(self, step: int, state: EdgeState | None) -> None:
        """Set the program to the state after training step ``step``, to continue the training.

        The method is called before the first step of the vertex.

        Parameters
        ----------
        step
            Number of training steps that have been taken.
        state
            State, after that step, of the edge whose tail is this vertex; None if the vertex is
            not the tail of an edge.

        Raises
        ------
        NotImplementedError
            If this program does not learn from batches.
        """
        raise NotImplementedError("only a rule that learns from batches continues from an update")

    def drain(self) -> None:
        """Begin no further batch, and finish the batches in flight.

        The edge states after the last of these batches are kept. Since all vertices finish the same
        batches, all maps end after the same training step.

        Raises
        ------
        NotImplementedError
            If this program does not learn from batches.
        """
        raise NotImplementedError("only a rule that learns from batches ends after an update")

    def forget(self, step: int) -> None:  # noqa: B027
        """Drop the edge states of all training steps up to ``step``, inclusive.

        The method is called when a complete snapshot of ``step`` exists. The base class keeps no
        edge states, and its method does nothing.

        Parameters
        ----------
        step
            Number of the last training step whose edge states are dropped.
        """


class Hold(Program):
    """The program of a vertex whose whole stalk is held by a pin. The vertex never steps."""

    def ready(self, star: Star, inbox: Inbox) -> bool:  # noqa: ARG002
        return False

    def step(self, star: Star, inbox: Inbox) -> Step:  # noqa: ARG002
        return Step(None)
