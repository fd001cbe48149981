"""The plan of a training: from which batches, for how many steps, and by which optimiser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sheafnet.core.stalkpins import Columns
from sheafnet.dynamics.optimisers.optimiser import Optimiser


class Batches(Protocol):
    """Which samples a step is made from: a pure function of the number of the step."""

    @property
    def size(self) -> int:
        """Samples in a batch."""

    def columns(self, step: int) -> Columns:
        """Return those of a step, from 0."""


@dataclass(frozen=True)
class TrainingPlan:
    """The same for every vertex, which needs nothing else to know what is due.

    Attributes
    ----------
    optimiser
        How every map learns.
    batches
        What from; only the ends of the network, which have the data, ask.
    steps
        How many steps there are.
    evaluate_every
        Steps from one evaluation to the next; all maps are kept after those.
    batches_in_flight
        How many batches may be in flight at a time.
    """

    optimiser: Optimiser
    batches: Batches
    steps: int
    evaluate_every: int
    batches_in_flight: int = 1

    def evaluates_at(self, step: int) -> bool:
        """Return whether the network is evaluated after so many steps."""
        return step % self.evaluate_every == 0 or step == self.steps
