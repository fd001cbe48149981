"""The plan of a training: its batches, its number of steps and its optimiser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sheafnet.core.stalkpins import Columns
from sheafnet.dynamics.optimisers.optimiser import Optimiser


class Batches(Protocol):
    """The samples of each training step. The choice depends only on the number of the step."""

    @property
    def size(self) -> int:
        """Number of samples in a batch."""

    def columns(self, step: int) -> Columns:
        """Return a slice or an array of indices that selects the samples of a step.

        Parameters
        ----------
        step
            Number of the step, counted from 0.
        """


@dataclass(frozen=True)
class TrainingPlan:
    """The optimiser, the batches and the number of steps of a training, the same at every vertex.

    Attributes
    ----------
    optimiser
        Optimiser of every map. Each map has its own state of the optimiser.
    batches
        Samples of each training step. Only the two end vertices of the path use this entry, since
        only these vertices have the data.
    steps
        Number of training steps.
    evaluate_every
        Number of training steps from one evaluation to the next. At an evaluation, the state of
        every edge is kept for a snapshot.
    batches_in_flight
        Largest number of batches that are begun and not finished, at least 1 (default).
    """

    optimiser: Optimiser
    batches: Batches
    steps: int
    evaluate_every: int
    batches_in_flight: int = 1

    def evaluates_at(self, step: int) -> bool:
        """Return whether the network is evaluated when ``step`` steps have been taken."""
        return step % self.evaluate_every == 0 or step == self.steps
