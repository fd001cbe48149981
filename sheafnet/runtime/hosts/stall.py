"""The detection of a stalled run: how long successive waves have found the same state."""

from __future__ import annotations


class StallDetector:
    """A detector that compares the state found by each wave with that found by the previous one.

    Attributes
    ----------
    waves
        Number of successive waves that found no change.
    duration
        Time since the last change, as of the latest wave, in the unit of the runtime.
    longest
        Longest time so far between two changes.
    """

    def __init__(self) -> None:
        self.waves = 0
        self.duration = self.longest = 0.0
        self._seen: object = None
        self._since = 0.0

    def observe(self, seen: object, now: float) -> None:
        """Compare a state with the previous one, and update the attributes.

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
        """Set the number of waves and the duration to 0."""
        self.waves = 0
        self.duration = 0.0
