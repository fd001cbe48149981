"""Heat flow: each vertex descends its own part of the energy."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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

    relaxes = True
    remedy = "lower dt, or use Heat() without dt, which chooses a safe step at every vertex"

    def __post_init__(self) -> None:
        if self.dt is not None and not (math.isfinite(self.dt) and self.dt > 0.0):
            raise RuleError(f"heat: dt is {self.dt}; it must be positive and finite")

    def start(self, star: Star) -> Program:
        if star.pinned:
            return Hold()
        if self.dt is not None:
            return HeatProgram(star, float(self.dt), settles=False)
        return HeatProgram(star, SAFETY * star.longest_step, settles=star.has_kinks)


class HeatProgram(Program):
    """The heat step of one vertex; ready once every projection was received.

    Parameters
    ----------
    star
        Where it starts.
    eta
        The step.
    settles
        Whether a coordinate may come to rest at 0, on a kink.
    """

    def __init__(self, star: Star, eta: float, *, settles: bool) -> None:
        # With an array of its own precision NumPy multiplies sooner than with a Python number.
        self._factor = np.asarray(-eta, star.stalk.dtype)
        self._below = star.stalk < 0.0 if settles else None
        self._passed: NDArray[np.bool_] | bool = False

    def ready(self, star: Star, inbox: Inbox) -> bool:
        return star.received_all(inbox)

    def step(self, star: Star, inbox: Inbox) -> Step:
        """Return x − η ∇E, or no move where the force is too small to matter."""
        if star.stationarity(inbox) <= star.send_threshold:
            return Step(None)
        stalk = star.descent(inbox) * self._factor
        stalk += star.stalk
        if self._below is not None:
            self._settle_on_kinks(stalk, self._below)
        return Step(stalk)

    def _settle_on_kinks(self, stalk: Array, before: NDArray[np.bool_]) -> None:
        """Put on its kink what would jump over it and back for ever.

        A fixed step does. Whatever passes twice in a row is left there; if it does not belong
        there, the next force takes it on.
        """
        below = stalk < 0.0
        # Hardly ever does anything pass; bytes tell that in a tenth of the time that masks take.
        if below.tobytes() == before.tobytes():
            self._passed = False
            return
        passing = below ^ before
        again = passing & self._passed
        if np.count_nonzero(again):
            stalk[again] = 0.0
            below &= ~again
            passing &= ~again
        self._below, self._passed = below, passing
