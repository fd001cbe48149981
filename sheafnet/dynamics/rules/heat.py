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
"""Ratio of the step size to ``Star.longest_step``, the limit below which steps lower the energy."""


@dataclass(frozen=True)
class Heat(Rule):
    """A rule of explicit gradient steps, x ← x − η ∇E at every vertex.

    Parameters
    ----------
    dt
        The step size η for all vertices, positive and finite. The steps are then the explicit Euler
        steps of Bosca & Ghrist 2026 with α = 1. If the force points to a kink from both sides, the
        coordinate oscillates about the kink and the run does not converge. With None (default) each
        vertex takes η = 0.99/d, where d bounds the curvature of the energy of its own edges and
        pins. It also sets a coordinate to 0 if the coordinate oscillates about a kink.

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
    """The program of one vertex, ready once a projection has arrived on every incidence.

    Parameters
    ----------
    star
        Star of the vertex at its start.
    eta
        Step size η.
    settles
        Whether a coordinate that crosses the kink at 0 in two successive steps is set to 0.
    """

    def __init__(self, star: Star, eta: float, *, settles: bool) -> None:
        # NumPy multiplies faster by an array of the same precision than by a Python number.
        self._factor = np.asarray(-eta, star.stalk.dtype)
        self._below = star.stalk < 0.0 if settles else None
        self._passed: NDArray[np.bool_] | bool = False

    def ready(self, star: Star, inbox: Inbox) -> bool:
        return star.received_all(inbox)

    def step(self, star: Star, inbox: Inbox) -> Step:
        """Return x − η ∇E; ``Step(None)`` if no force exceeds the send threshold."""
        if star.stationarity(inbox) <= star.send_threshold:
            return Step(None)
        stalk = star.descent(inbox) * self._factor
        stalk += star.stalk
        if self._below is not None:
            self._settle_on_kinks(stalk, self._below)
        return Step(stalk)

    def _settle_on_kinks(self, stalk: Array, before: NDArray[np.bool_]) -> None:
        """Set to 0 every coordinate that crosses 0 for the second step in a row.

        With a fixed step size such a coordinate would jump over its kink and back without end. If
        0 is not a minimum in this coordinate, the force moves the coordinate in the next step.
        """
        below = stalk < 0.0
        # In most steps no coordinate crosses 0. A comparison of bytes finds this ten times as fast
        # as a comparison of arrays.
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
