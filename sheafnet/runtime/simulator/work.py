"""How long hosts take for their updates."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sheafnet.errors import InputError
from sheafnet.runtime.simulator.latency import Constant, Latency
from sheafnet.runtime.simulator.link import endless
from sheafnet.runtime.streams import stream

DEFAULT_TIME = Constant(1.0)


@dataclass(frozen=True)
class Work:
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


class Worker:
    """Draws how long one host takes.

    Parameters
    ----------
    seed
        Of the run.
    host
        Its name, which names the random stream.
    work
        What an update takes.
    factor
        By which everything takes longer here.
    """

    def __init__(self, seed: int, host: str, work: Work, factor: float) -> None:
        self._factor = factor
        self._per_element = work.per_element
        self._constant = work.time.time if isinstance(work.time, Constant) else None
        self._times = endless(work.time, stream(seed, "compute", host))

    def takes(self, updates: int, elements: int) -> float:
        """Return the time for a step of so many updates, of stalks of so many numbers in all."""
        if self._constant is not None:
            drawn = self._constant * max(updates, 1)
        else:
            drawn = sum([next(self._times) for _ in range(max(updates, 1))])
        return self._factor * (drawn + self._per_element * elements)
