"""The virtual time that an update of a vertex takes, as a setting."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sheafnet.errors import InputError
from sheafnet.runtime.simulator.latency import Constant, Latency

DEFAULT_TIME = Constant(1.0)


@dataclass(frozen=True)
class ComputeTime:
    """The virtual time that one update of a vertex takes.

    An update of a stalk of shape ``(dim, batch)`` takes a time drawn from ``time``, plus
    ``per_element`` · dim · batch. A host may also send or acknowledge messages without updating a
    vertex; this takes one time drawn from ``time``.

    Parameters
    ----------
    time
        Probability law from which a virtual time is drawn for each update; its mean must be
        positive. The default is a constant 1.0.
    per_element
        Virtual time added for each of the dim · batch numbers in the stalk; finite, at least 0
        (default).

    Raises
    ------
    InputError
        If ``per_element`` is negative or not finite, or if the mean of ``time`` is not positive.
    """

    time: Latency = DEFAULT_TIME
    per_element: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.per_element < math.inf:
            raise InputError("simulator: per_element must be finite and not negative")
        if not self.time.expected() > 0.0:
            raise InputError("simulator: compute must be positive")
