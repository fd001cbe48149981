"""The guard that detects runs that diverge."""

from __future__ import annotations


class DivergenceGuard:
    """A test whether a run diverges: it compares the stationarity, the largest force, with a limit.

    Parameters
    ----------
    first
        Stationarity before the first step of the run, or before the first step with new pins; at
        least 0.
    growth
        Factor by which the stationarity may grow. It is the attribute
        ``sheafnet.dynamics.rule.Rule.growth_limit`` of the rule. The limit is the smaller of
        ``growth * (1 + first)`` and 1e150, since squares overflow above 1e154.

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
            Present largest force on one vertex or on all vertices.
        """
        return not stationarity <= self.limit
