"""The time of a simulated host: what its updates take, and what it did with its time."""

from __future__ import annotations

from sheafnet.runtime.random_streams import stream
from sheafnet.runtime.run_record import HostTime
from sheafnet.runtime.simulator.compute import ComputeTime
from sheafnet.runtime.simulator.latency import Constant
from sheafnet.runtime.simulator.link import endless


class ComputeTimer:
    """Draws how long one host takes.

    Parameters
    ----------
    seed
        Of the run.
    host
        Its name, which names the random stream.
    compute_time
        What an update takes.
    factor
        By which everything takes longer here.
    """

    def __init__(self, seed: int, host: str, compute_time: ComputeTime, factor: float) -> None:
        self._factor = factor
        self._per_element = compute_time.per_element
        self._constant = compute_time.time.time if isinstance(compute_time.time, Constant) else None
        self._times = endless(compute_time.time, stream(seed, "compute", host))

    def takes(self, updates: int, elements: int) -> float:
        """Return the time for a step of so many updates, of stalks of so many numbers in all."""
        if self._constant is not None:
            drawn = self._constant * max(updates, 1)
        else:
            drawn = 0.0  # sum() rounds otherwise from Python 3.12 on
            for _ in range(max(updates, 1)):
                drawn += next(self._times)
        return self._factor * (drawn + self._per_element * elements)


class Timesheet:
    """What one host does with its time.

    Attributes
    ----------
    free_at
        Virtual time from which it may step again.
    """

    def __init__(self) -> None:
        self.free_at = 0.0
        self._busy = self._away = 0.0
        self._paused = False
        self._down_since: float | None = None

    def busy(self, now: float, takes: float) -> None:
        """Be busy from now on for so long."""
        self.free_at = now + takes
        self._busy += takes
        self._paused = False

    def pause(self, now: float, lasts: float) -> None:
        """Do nothing from now on for so long, once what was begun is done."""
        before = max(self.free_at, now)
        self.free_at = max(before, now + lasts)
        self._away += self.free_at - before
        self._paused = self._paused or self.free_at > before

    def drop(self, now: float) -> None:
        """Leave whatever would have gone on after now."""
        ahead = max(self.free_at - now, 0.0)
        if self._paused:
            self._away -= ahead
        else:
            self._busy -= ahead
        self.free_at = now

    def crash(self, now: float) -> None:
        """Be down from now on."""
        self.drop(now)
        self._down_since = now

    def restart(self, now: float) -> None:
        """Be up again."""
        assert self._down_since is not None
        self._away += now - self._down_since
        self._down_since = None
        self.free_at = now

    def total(self, now: float) -> HostTime:
        """Return what it all comes to until now."""
        ahead = max(self.free_at - now, 0.0)
        down = 0.0 if self._down_since is None else now - self._down_since
        busy = self._busy - (0.0 if self._paused else ahead)
        away = self._away + down - (ahead if self._paused else 0.0)
        return HostTime(busy, now - busy - away, away)
