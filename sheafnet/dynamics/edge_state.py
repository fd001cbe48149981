"""What the owner of an edge knows of a step of training."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from sheafnet.core.maps import Affine
from sheafnet.dynamics.optimisers.optimiser import Memory


class Lesson(NamedTuple):
    """What the tail of an edge saw of it in a step.

    Attributes
    ----------
    step
        Number of the step, from 1.
    discord
        Mean over the batch of ‖r‖².
    tension
        Mean over the batch of ‖t‖².
    length
        Of the step of the map, the decay aside, in Frobenius' norm of [W b]; 0 where it does not
        learn.
    """

    step: int
    discord: float
    tension: float
    length: float


class Kept(NamedTuple):
    """What is kept of an edge after a step: all that it takes to go on from there.

    Attributes
    ----------
    map, memory
        The map, and what its optimiser knows; None where the map does not learn.
    lesson
        What its owner saw in that step; None where training begins.
    earlier
        The map after each of the steps before, from the oldest on, that batches under way have
        begun with.
    """

    map: Affine | None
    memory: Memory | None
    lesson: Lesson | None
    earlier: tuple[Affine, ...] = ()


Place: TypeAlias = tuple[int, str]
"""A step and an edge."""
