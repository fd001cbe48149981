"""Detection of a stalled run: for how long no wave has brought anything new."""

from __future__ import annotations


class StallDetector:
    """Compares what each wave brings with what the one before it brought.

    Attributes
    ----------
    waves
        How many in a row have brought nothing new.
    duration
        For how long that has been so.
    longest
        The longest time that it has taken so far until something was new.
    """

    def __init__(self) -> None:
        self.waves = 0
        self.duration = self.longest = 0.0
        self._seen: object = None
        self._since = 0.0

    def observe(self, seen: object, now: float) -> None:
        """Take what a wave has brought, now."""
        self.duration = now - self._since
        if seen == self._seen:
            self.waves += 1
            return
        self.longest = max(self.longest, self.duration)
        self._seen, self._since = seen, now
        self.restart()

    def restart(self) -> None:
        """Count from the next wave on."""
        self.waves = 0
        self.duration = 0.0
