"""The detection of a stall, the time in which successive waves find the same state of a run."""

from __future__ import annotations


class StallDetector:
    """A detector that compares the state of a run in each wave with the state in the wave before.

    Attributes
    ----------
    waves
        Number of successive waves that found no change.
    duration
        Time from the last change to the latest wave, in the unit of the runtime.
    longest
        Longest time so far between two changes.
    """

    def __init__(self) -> None:
        self.waves = 0
        self.duration = self.longest = 0.0
        self._seen: object = None
        self._since = 0.0

    def observe(self, seen: object, now: float) -> None:
        """Compare a state with the state in the previous call, and update the attributes.

        Parameters
        ----------
        seen
            The state that a wave found; any value that ``==`` can compare.
        now
            Present time, in the unit of the runtime.
        """
        self.duration = now - self._since
        if seen == self._seen:
            self.waves += 1
            return
        self.longest = max(self.longest, self.duration)
        self._seen, self._since = seen, now
        self.restart()

    def restart(self) -> None:
        """Set ``waves`` and ``duration`` to 0.

        The time of the last change is not reset, so that the next call of ``observe`` computes
        ``duration`` from it again.
        """
        self.waves = 0
        self.duration = 0.0
