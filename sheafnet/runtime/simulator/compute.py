"""The time that an update takes, as a setting."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sheafnet.errors import InputError
from sheafnet.runtime.simulator.latency import Constant, Latency

DEFAULT_TIME = Constant(1.0)


@dataclass(frozen=True)
class ComputeTime:
    """The virtual time that one update of a vertex takes.

    A step in which a host only sends or acknowledges takes as long as one of a vertex without
    numbers.

    Attributes
    ----------
    time
        Drawn for each update.
    per_element
        Added for each number in the stalk, (dim × batch) of them.

    Raises
    ------
    InputError
        If a setting is out of range, or work takes no time at all.
    """

    time: Latency = DEFAULT_TIME
    per_element: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.per_element < math.inf:
            raise InputError("simulator: per_element must be finite and not negative")
        if not self.time.expected() > 0.0:
            raise InputError("simulator: compute must be positive")
