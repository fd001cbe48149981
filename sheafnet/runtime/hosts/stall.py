"""For how long nothing has changed."""

from __future__ import annotations


class Standstill:
    """What was seen wave by wave, and since when it has been the same.

    Attributes
    ----------
    waves
        How many in a row have brought nothing new.
    lasts
        For how long that has been so.
    longest
        The longest time that it has taken so far until something was new.
    """

    def __init__(self) -> None:
        self.waves = 0
        self.lasts = self.longest = 0.0
        self._seen: object = None
        self._since = 0.0

    def note(self, seen: object, now: float) -> None:
        """Take what a wave has brought, now."""
        self.lasts = now - self._since
        if seen == self._seen:
            self.waves += 1
            return
        self.longest = max(self.longest, self.lasts)
        self._seen, self._since = seen, now
        self.begin()

    def begin(self) -> None:
        """Count from the next wave on."""
        self.waves = 0
        self.lasts = 0.0
