"""Heat flow: each vertex descends its own part of the energy."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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

    relaxes = True
    remedy = "lower dt, or use Heat() without dt, which chooses a safe step at every vertex"

    def __post_init__(self) -> None:
        if self.dt is not None and not (math.isfinite(self.dt) and self.dt > 0.0):
            raise RuleError(f"heat: dt is {self.dt}; it must be positive and finite")

    def start(self, star: Star) -> Program:
        if star.pinned:
            return Hold()
        if self.dt is not None:
            return HeatProgram(float(self.dt))
        below = star.stalk < 0.0 if star.has_kinks else None
        return HeatProgram(SAFETY * star.longest_step, below)


class HeatProgram(Program):
    """The heat step of one vertex; ready once every neighbour was heard.

    Parameters
    ----------
    eta
        The step.
    below
        Where the stalk is negative, if a coordinate may come to rest at 0, on a kink.
    """

    def __init__(self, eta: float, below: NDArray[np.bool_] | None = None) -> None:
        self._eta = eta
        self._below = below
        self._passed: NDArray[np.bool_] | bool = False

    def ready(self, star: Star, inbox: Inbox) -> bool:
        return star.heard_all(inbox)

    def step(self, star: Star, inbox: Inbox) -> Step:
        """Return x − η ∇E, or no move where the force is too small to matter."""
        if star.stationarity(inbox) <= star.quiet:
            return Step(None)
        stalk = star.descent(inbox) * -self._eta
        stalk += star.stalk
        if self._below is not None:
            below = stalk < 0.0
            passing = below ^ self._below
            # A fixed step jumps over a kink and back for ever. Whatever passes twice in a row
            # is left there; if it does not belong there, the next force takes it on.
            again = passing & self._passed
            if np.count_nonzero(again):
                stalk[again] = 0.0
                below &= ~again
                passing &= ~again
            self._below, self._passed = below, passing
        return Step(stalk)
