"""The plan of a training: its batches, its number of steps and its optimiser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sheafnet.core.stalkpins import Columns
from sheafnet.dynamics.optimisers.optimiser import Optimiser


class Batches(Protocol):
    """The samples of each step: a pure function of the number of the step."""

    @property
    def size(self) -> int:
        """Number of samples in a batch."""

    def columns(self, step: int) -> Columns:
        """Return the columns of the samples of ``step``, counted from 0."""


@dataclass(frozen=True)
class TrainingPlan:
    """Plan of a training, a copy of which every vertex has.

    Attributes
    ----------
    optimiser
        Optimiser of every map.
    batches
        Samples of each step; used only at the two ends of the network, which hold the data.
    steps
        Number of steps in the training.
    evaluate_every
        Number of steps from one evaluation to the next. Every map is kept after such a step.
    batches_in_flight
        Largest number of batches in flight at a time, at least 1 (default).
    """

    optimiser: Optimiser
    batches: Batches
    steps: int
    evaluate_every: int
    batches_in_flight: int = 1

    def evaluates_at(self, step: int) -> bool:
        """Return whether the network is evaluated after ``step`` steps."""
        return step % self.evaluate_every == 0 or step == self.steps
