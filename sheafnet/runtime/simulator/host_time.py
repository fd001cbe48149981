"""The time of a simulated host: the durations of its steps, and its times of work and waiting."""

from __future__ import annotations

from sheafnet.runtime.random_streams import stream
from sheafnet.runtime.run_record import HostTime
from sheafnet.runtime.simulator.compute import ComputeTime
from sheafnet.runtime.simulator.latency import Constant
from sheafnet.runtime.simulator.link import endless


class ComputeTimer:
    """A timer that draws how long the steps of one host take.

    Parameters
    ----------
    seed
        Seed of the run.
    host
        Name of the host. The random stream of the timer depends on the seed and on this name.
    compute_time
        Virtual time that one update takes on a host whose ``factor`` is 1.
    factor
        Positive number by which every duration is multiplied; with 5.0 the host is five times
        slower.
    """

    def __init__(self, seed: int, host: str, compute_time: ComputeTime, factor: float) -> None:
        self._factor = factor
        self._per_element = compute_time.per_element
        self._constant = compute_time.time.time if isinstance(compute_time.time, Constant) else None
        self._times = endless(compute_time.time, stream(seed, "compute", host))

    def takes(self, updates: int, elements: int) -> float:
        """Return the virtual time that one step of the host takes.

        Parameters
        ----------
        updates
            Number of updates of vertices in the step. If it is 0, one time is drawn, as for one
            update.
        elements
            Number of entries of all stalks that were updated: the sum of their dim · batch.
        """
        if self._constant is not None:
            drawn = self._constant * max(updates, 1)
        else:
            drawn = 0.0  # sum() rounds differently from Python 3.12 on, so it is not used.
            for _ in range(max(updates, 1)):
                drawn += next(self._times)
        return self._factor * (drawn + self._per_element * elements)


class Timesheet:
    """A record of the virtual time in which one host was busy, waiting or away.

    A host is busy during its steps. It is away while it is down or paused. At all other times it is
    waiting.

    Attributes
    ----------
    free_at
        Virtual time at which the latest step or pause ends. The host does not step before this
        time.
    """

    def __init__(self) -> None:
        self.free_at = 0.0
        self._busy = self._away = 0.0
        self._paused = False
        self._down_since: float | None = None

    def busy(self, now: float, takes: float) -> None:
        """Record a step that begins at ``now`` and lasts for the virtual time ``takes``."""
        self.free_at = now + takes
        self._busy += takes
        self._paused = False

    def pause(self, now: float, lasts: float) -> None:
        """Record a pause that begins at ``now`` and lasts for the virtual time ``lasts``.

        A step in progress is completed; only the part of the pause after that step counts as away.
        """
        before = max(self.free_at, now)
        self.free_at = max(before, now + lasts)
        self._away += self.free_at - before
        self._paused = self._paused or self.free_at > before

    def drop(self, now: float) -> None:
        """End a step or pause in progress at ``now``; its time after ``now`` does not count."""
        ahead = max(self.free_at - now, 0.0)
        if self._paused:
            self._away -= ahead
        else:
            self._busy -= ahead
        self.free_at = now

    def crash(self, now: float) -> None:
        """Record that the host is down from ``now`` on."""
        self.drop(now)
        self._down_since = now

    def restart(self, now: float) -> None:
        """Record that the host is up again at ``now``."""
        assert self._down_since is not None
        self._away += now - self._down_since
        self._down_since = None
        self.free_at = now

    def total(self, now: float) -> HostTime:
        """Return how long the host was busy, waiting and away between time 0 and ``now``."""
        ahead = max(self.free_at - now, 0.0)
        down = 0.0 if self._down_since is None else now - self._down_since
        busy = self._busy - (0.0 if self._paused else ahead)
        away = self._away + down - (ahead if self._paused else 0.0)
        return HostTime(busy, now - busy - away, away)
