"""Heat, the gradient flow of the energy in explicit steps."""

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
"""Step as a share of the longest one that descends."""


@dataclass(frozen=True)
class Heat(Rule):
    """A rule of explicit gradient steps, x ← x − η ∇E at every vertex.

    Parameters
    ----------
    dt
        The step size η for all vertices, positive and finite. This is the explicit Euler step of
        Bosca & Ghrist 2026 with α = 1; at a kink with forces from both sides it oscillates and
        never ends. None (default) lets each vertex choose η = 0.99/d, where d bounds the curvature
        of the energy of its own edges and pins, and lets coordinates settle on kinks.

    Raises
    ------
    RuleError
        If ``dt`` is not positive and finite.
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
    """The heat steps of one vertex, ready once every projection has been received.

    Parameters
    ----------
    star
        Star of the vertex at its start.
    eta
        Step size η.
    settles
        Whether coordinates are set to 0, on the kink, when they cross it in two steps in a row.
    """

    def __init__(self, star: Star, eta: float, *, settles: bool) -> None:
        # NumPy multiplies faster by an array of the same precision than by a Python number.
        self._factor = np.asarray(-eta, star.stalk.dtype)
        self._below = star.stalk < 0.0 if settles else None
        self._passed: NDArray[np.bool_] | bool = False

    def ready(self, star: Star, inbox: Inbox) -> bool:
        return star.received_all(inbox)

    def step(self, star: Star, inbox: Inbox) -> Step:
        """Return x − η ∇E, or no move if no force exceeds the send threshold."""
        if star.stationarity(inbox) <= star.send_threshold:
            return Step(None)
        stalk = star.descent(inbox) * self._factor
        stalk += star.stalk
        if self._below is not None:
            self._settle_on_kinks(stalk, self._below)
        return Step(stalk)

    def _settle_on_kinks(self, stalk: Array, before: NDArray[np.bool_]) -> None:
        """Set to 0 every coordinate that crosses 0 for the second step in a row.

        With a fixed step such a coordinate would jump over its kink and back without end. If it is
        not settled at 0, the force there moves it in the next step.
        """
        below = stalk < 0.0
        # In most steps no coordinate crosses 0. Comparing bytes shows that ten times as fast as
        # comparing arrays.
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
