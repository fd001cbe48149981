"""The state of an edge after a step of training, and the statistics of the edge in that step."""

from typing import NamedTuple, TypeAlias

from sheafnet.core.maps import Affine
from sheafnet.dynamics.optimisers.optimiser import SavedState


class EdgeStats(NamedTuple):
    """The statistics of an edge in one step of training, taken by the tail of the edge.

    Attributes
    ----------
    step
        Number of the step, from 1.
    discord
        Mean over the batch of ‖r‖², with the residual r of each sample.
    tension
        Mean over the batch of ‖t‖², with the tension t of each sample.
    step_norm
        Frobenius norm of the change of [W b], without the part that is weight decay; 0 where the
        map does not learn.
    """

    step: int
    discord: float
    tension: float
    step_norm: float


class EdgeState(NamedTuple):
    """The state of an edge after a step of training, from which training can be resumed.

    Attributes
    ----------
    map, saved
        The newest map, and the saved state of its optimiser; both None where the map does not
        learn.
    stats
        Statistics of the edge in that step; None before the first step.
    earlier
        The map after each of the F − 1 steps before, oldest first, where F batches may be in
        flight: the batches in flight use them. Empty where F is 1 or the map does not learn.
    """

    map: Affine | None
    saved: SavedState | None
    stats: EdgeStats | None
    earlier: tuple[Affine, ...] = ()


StepEdge: TypeAlias = tuple[int, str]
"""Number of a step of training, and name of an edge."""
