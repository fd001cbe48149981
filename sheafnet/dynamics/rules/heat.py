"""Heat flow: each vertex descends its own part of the energy."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sheafnet.core.arrays import Array
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.program import Hold, Program, Step
from sheafnet.dynamics.rule import Rule
from sheafnet.dynamics.star import Star
from sheafnet.errors import RuleError

SAFETY = 0.99


@dataclass(frozen=True)
class Heat(Rule):
    """x ← x − η ∇E at every vertex.

    Attributes
    ----------
    dt
        One step η for all vertices: the explicit Euler step of Bosca & Ghrist 2026 with
        α = 1, which chatters for ever at a kink with a force on both sides. None, the default,
        gives each vertex the step 0.99/d that it can justify by itself, where d bounds the
        curvature of its own incident energy, and lets it rest on a kink.
    """

    dt: float | None = None

    remedy = "lower dt, or use Heat() without dt, which chooses a safe step at every vertex"

    def __post_init__(self) -> None:
        if self.dt is not None and not (math.isfinite(self.dt) and self.dt > 0.0):
            raise RuleError(f"heat: dt is {self.dt}; it must be positive and finite")

    def start(self, star: Star) -> Program:
        if star.pinned:
            return Hold()
        if self.dt is not None:
            return HeatProgram(float(self.dt), rests=False)
        return HeatProgram(SAFETY * star.longest_step, rests=star.has_kinks)


@dataclass(frozen=True)
class HeatProgram:
    """The heat step of one vertex; ready once every neighbour was heard; remembers nothing.

    Attributes
    ----------
    eta
        The step.
    rests
        Whether a coordinate may come to rest on a kink.
    """

    eta: float
    rests: bool

    def ready(self, star: Star, inbox: Inbox) -> bool:
        return star.heard_all(inbox)

    def step(self, star: Star, inbox: Inbox) -> Step:
        """Return x − η ∇E, or no move where the force is too small to matter."""
        if star.stationarity(inbox) <= star.quiet:
            return Step(None)
        stalk = star.descent(inbox) * -self.eta
        stalk += star.stalk
        return Step(_resting(star, inbox, stalk) if self.rests else stalk)


def _resting(star: Star, inbox: Inbox, stalk: Array) -> Array:
    """Return ``stalk`` with the coordinates left at 0 that would pass a kink where they can rest.

    A fixed step jumps over the kink and back for ever.
    """
    passing = star.stalk * stalk < 0.0
    if not passing.any():
        return stalk
    resting = star.resting_on_kinks_at(np.where(passing, 0.0, stalk), star.heard(inbox))
    return np.where(passing & resting, 0.0, stalk)
