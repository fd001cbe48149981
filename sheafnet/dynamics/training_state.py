"""The state of an edge after a step of training, and the statistics of the edge in that step."""

from typing import NamedTuple, TypeAlias

from sheafnet.core.maps import Affine
from sheafnet.dynamics.optimisers.optimiser import SavedState


class EdgeStats(NamedTuple):
    """The statistics of an edge in one step of training, computed by the tail of the edge.

    Attributes
    ----------
    step
        Number of the step, from 1.
    discord
        Mean over the batch of ‖r‖², where r is the residual of a sample.
    tension
        Mean over the batch of ‖t‖², where t is the tension of a sample.
    step_norm
        Frobenius norm of the change of [W b] in this step, not counting the weight decay. Here
        W a + b is the map of the edge. 0 if no map of the edge is updated.
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
        The newest map, and the saved state of its optimiser; both None if no map of the edge is
        updated.
    stats
        Statistics of the edge in this step; None before the first step.
    earlier
        The maps after the F − 1 preceding steps, oldest first, where F is the largest number of
        batches in flight. Batches that began with these maps still use them. Empty if F is 1, or if
        no map of the edge is updated.
    """

    map: Affine | None
    saved: SavedState | None
    stats: EdgeStats | None
    earlier: tuple[Affine, ...] = ()


StepEdge: TypeAlias = tuple[int, str]
"""Number of a training step, and name of an edge; the key of an edge state."""
