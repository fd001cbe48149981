"""Conditions under which a run stops, and the outcomes of a run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np

from sheafnet.core.scalars import unbox
from sheafnet.errors import InputError

DEFAULT_STATIONARITY = {np.dtype(np.float64): 1e-9, np.dtype(np.float32): 1e-4}


class Outcome(Enum):
    """The outcome of a run; its ``value`` is a text for the user.

    Attributes
    ----------
    CONVERGED
        The force on every vertex is at most the tolerance. Under a rule that learns from batches:
        all steps of the training plan are finished.
    BUDGET_EXHAUSTED
        The run reached ``max_rounds`` or ``max_time`` before every vertex was stationary, or the
        tolerance is too small for the precision of the floats.
    DIVERGED
        A force or a map became NaN, infinite or too large. The last finite cochain is kept;
        under a rule that learns from batches, the maps of the last evaluation are kept.
    STOPPED
        The run was stopped on request.
    """

    CONVERGED = "converged: every vertex is stationary to the tolerance"
    BUDGET_EXHAUSTED = (
        "budget exhausted: not stationary yet; raise max_rounds or max_time, or ask for less"
    )
    DIVERGED = "diverged: the last finite cochain is kept"
    STOPPED = "stopped on request, before it was stationary"


@dataclass(frozen=True)
class Stop:
    """Conditions under which a run of ``sn.infer`` or ``sn.start`` stops.

    Parameters
    ----------
    stationarity
        Largest force at which a vertex counts as stationary; positive and finite. The force is the
        part of −∇E that can move the vertex, in the units of the stalks. Its largest magnitude over
        coordinates and samples is compared with ``stationarity``. With None (default) the limit is
        1e-9 in float64 and 1e-4 in float32.
    max_rounds
        Largest number of rounds, at least 1; 20,000 by default. In lockstep every vertex may step
        once in a round. On hosts, the number of rounds is the number of accepted messages divided
        by twice the number of edges, rounded down. Repeated and outdated messages do not count.
    max_time
        Largest time of the run, positive: rounds in lockstep, virtual time on a simulator, seconds
        on a cluster. With None (default) the time is not limited.
    stay
        Whether the run is a stay run. A stay run does not end when it has converged, but waits for
        other pins until it is stopped. False by default.

    Raises
    ------
    InputError
        If ``stationarity`` is not positive and finite, if ``max_rounds`` is less than 1, or if
        ``max_time`` is not positive.
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
        """Return ``stationarity`` if it is set, else the default for ``dtype``.

        Parameters
        ----------
        dtype
            Type of the stalks, float64 or float32.
        """
        return self.stationarity if self.stationarity is not None else DEFAULT_STATIONARITY[dtype]
