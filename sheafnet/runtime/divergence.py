"""The guard against runs that diverge."""

from __future__ import annotations


class DivergenceGuard:
    """A limit on the stationarity, which a run that diverges exceeds and others do not.

    Parameters
    ----------
    first
        Largest stationarity at the start, at least 0.
    growth
        Factor by which the stationarity may grow, from
        ``sheafnet.dynamics.rule.Rule.growth_limit``. The limit is ``growth * (1 + first)``, and
        at most 1e150, since squares overflow above 1e154.

    Attributes
    ----------
    limit
        Largest stationarity that does not count as divergence.
    """

    def __init__(self, first: float, growth: float) -> None:
        self.limit = min(growth * (1.0 + first), 1e150)

    def trips(self, stationarity: float) -> bool:
        """Return whether ``stationarity`` is NaN, infinite or above the limit.

        Parameters
        ----------
        stationarity
            Present largest force, of a vertex or of all vertices.
        """
        return not stationarity <= self.limit
