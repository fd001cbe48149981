"""Conditions on which a run stops, and the outcomes of a run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np

from sheafnet.core.scalars import unbox
from sheafnet.errors import InputError

DEFAULT_STATIONARITY = {np.dtype(np.float64): 1e-9, np.dtype(np.float32): 1e-4}


class Outcome(Enum):
    """How a run ended; the value is what a person reads."""

    CONVERGED = "converged: every vertex is stationary to the tolerance"
    BUDGET_EXHAUSTED = (
        "budget exhausted: not stationary yet; raise max_rounds or max_time, or ask for less"
    )
    DIVERGED = "diverged: the last finite cochain is kept"
    STOPPED = "stopped on request, before it was stationary"


@dataclass(frozen=True)
class Stop:
    """When to stop.

    Attributes
    ----------
    stationarity
        Converged when no coordinate of ∇E at a free vertex exceeds this, in the units of the
        stalks. None takes 1e-9 in float64 and 1e-4 in float32.
    max_rounds
        Budget in rounds: every vertex steps once in each.
    max_time
        Budget in virtual time; a lockstep round takes one unit. None for no limit.
    stay
        Whether a run that has converged stays, to be given other pins, until it is stopped.
    """

    stationarity: float | None = None
    max_rounds: int = 20_000
    max_time: float | None = None
    stay: bool = False

    def __post_init__(self) -> None:
        unbox(self)
        if self.stationarity is not None and not 0.0 < self.stationarity < math.inf:
            raise InputError(f"stop: stationarity is {self.stationarity}; it must be positive")
        if not self.max_rounds >= 1:
            raise InputError(f"stop: max_rounds is {self.max_rounds}; it must be at least 1")
        if self.max_time is not None and not self.max_time > 0.0:
            raise InputError(f"stop: max_time is {self.max_time}; it must be positive")

    def tolerance(self, dtype: np.dtype[np.floating]) -> float:
        """Return the stationarity asked for, or the default of that precision."""
        return self.stationarity if self.stationarity is not None else DEFAULT_STATIONARITY[dtype]
