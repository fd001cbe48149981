"""The state of an edge after a step of training, and its statistics in that step."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from sheafnet.core.maps import Affine
from sheafnet.dynamics.optimisers.optimiser import SavedState


class EdgeStats(NamedTuple):
    """Statistics of an edge in a step, taken by its tail.

    Attributes
    ----------
    step
        Number of the step, from 1.
    discord
        Mean over the batch of ‖r‖².
    tension
        Mean over the batch of ‖t‖².
    step_norm
        Frobenius' norm of the step of [W b], the decay aside; 0 where the map does not learn.
    """

    step: int
    discord: float
    tension: float
    step_norm: float


class EdgeState(NamedTuple):
    """What is kept of an edge after a step: all that it takes to go on from there.

    Attributes
    ----------
    map, saved
        The map, and the saved state of its optimiser; None where the map does not learn.
    stats
        Its statistics in that step; None where training begins.
    earlier
        The map after each of the steps before, from the oldest on, that batches in flight have
        begun with.
    """

    map: Affine | None
    saved: SavedState | None
    stats: EdgeStats | None
    earlier: tuple[Affine, ...] = ()


StepEdge: TypeAlias = tuple[int, str]
"""A step and an edge."""
