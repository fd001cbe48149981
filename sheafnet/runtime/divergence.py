"""The guard against runs that diverge."""

from __future__ import annotations


class DivergenceGuard:
    """Tells a run that explodes from one that is merely far away.

    Parameters
    ----------
    first
        Largest stationarity at the start.
    growth
        By how much it may grow, as the rule knows; never past 1e150, since squares overflow
        above 1e154.
    """

    def __init__(self, first: float, growth: float) -> None:
        self.limit = min(growth * (1.0 + first), 1e150)

    def trips(self, stationarity: float) -> bool:
        """Return whether ``stationarity`` is NaN, infinite or past the limit."""
        return not stationarity <= self.limit
