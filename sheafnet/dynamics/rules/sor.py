"""Over-relaxed proximal steps, in turns."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.program import Hold, Program, Step
from sheafnet.dynamics.proximal import Proximal, proximal, relaxed
from sheafnet.dynamics.rule import Rule
from sheafnet.dynamics.star import Star
from sheafnet.errors import RuleError

MEMORY = 0.9
REVISED_AFTER = 15
LARGEST = 1.95
GROWING = 1.02
BACK_OFF = 0.7


@dataclass(frozen=True)
class Sor(Rule):
    """x ← x + ω (prox − x), successive over-relaxation, by vertices that take turns.

    Every edge carries one token, at first at the end that comes earlier in the sheaf. A vertex
    steps when it holds those of all its edges to free neighbours, and each message of it hands
    them over. However long messages take, the steps are those of a serial order, and no two
    neighbours step at once.

    Attributes
    ----------
    omega
        In (0, 2). None has each vertex find its own from how fast its steps shrink.

    Notes
    -----
    With the ratio θ of successive step norms, a geometric moving average, the spectral radius μ
    of the Jacobi iteration follows from (θ + ω − 1)² = θ ω² μ², and the best
    ω = 2 / (1 + √(1 − μ²)) from μ (Young, "Iterative Solution of Large Linear Systems", 1971;
    the adaptive use is that of Hageman & Young, "Applied Iterative Methods", 1981).
    """

    omega: float | None = None

    relaxes = True
    may_withhold = False
    takes_turns = True
    remedy = "lower omega, or use the rule 'prox'"

    def __post_init__(self) -> None:
        if self.omega is not None and not 0.0 < self.omega < 2.0:  # noqa: PLR2004
            raise RuleError(f"sor: omega is {self.omega}; it must be in (0, 2)")

    def start(self, star: Star) -> Program:
        if star.pinned:
            return Hold()
        return SorProgram(proximal(star, keep=False), Relaxation(self.omega))


class Relaxation:
    """The relaxation factor of one vertex, fixed or found on the way."""

    def __init__(self, omega: float | None) -> None:
        self.omega = 1.0 if omega is None else omega
        self._adapts = omega is None
        self._steps = 0
        self._norm = 0.0
        # Of the logarithm: near the best factor norms swing, and the mean of the ratios
        # themselves is above 1 although the steps shrink.
        self._mean: float | None = None

    def observe(self, norm: float) -> None:
        """Take note of the norm of a step."""
        if not self._adapts:
            return
        if self._norm > 0.0 and norm > 0.0:
            shrinkage = math.log(norm / self._norm)
            before = shrinkage if self._mean is None else self._mean
            self._mean = MEMORY * before + (1.0 - MEMORY) * shrinkage
        self._norm = norm
        self._steps += 1
        if self._steps % REVISED_AFTER == 0 and self._mean is not None:
            self._revise(math.exp(self._mean))

    def _revise(self, ratio: float) -> None:
        omega = self.omega
        if ratio >= GROWING:
            self.omega = 1.0 + BACK_OFF * (omega - 1.0)
        elif omega - 1.0 < ratio < 1.0:
            jacobi = min((ratio + omega - 1.0) ** 2 / (ratio * omega**2), 1.0)
            best = 2.0 / (1.0 + math.sqrt(1.0 - jacobi))
            self.omega = max(omega, min(best, LARGEST))


@dataclass(frozen=True)
class SorProgram(Program):
    """The steps of one vertex.

    Who holds the token of an edge follows from the sequences of the two ends, which only grow:
    the end that leads, if the other has come as far as it; the other, if the leading end is
    ahead. So it cannot be at both ends, nor be lost.
    """

    proximal: Proximal
    relaxation: Relaxation

    def ready(self, star: Star, inbox: Inbox) -> bool:
        if not star.received_all(inbox):
            return False
        for key, leads in star.turns:  # noqa: SIM110 - asked often, and a loop is faster
            if inbox.sequence(key) + leads <= star.sequence:
                return False
        return True

    def step(self, star: Star, inbox: Inbox) -> Step:
        """Return the over-relaxed minimiser; what it says hands the tokens over."""
        if not star.turns:  # nobody to wait for, or to be waited for by
            stationary = star.stationarity(inbox) <= star.send_threshold
            return Step(None if stationary else self.proximal.minimiser(star, inbox))
        turn = max([inbox.sequence(key) + leads for key, leads in star.turns])
        move = relaxed(star, self.proximal.minimiser(star, inbox), self.relaxation.omega)
        self.relaxation.observe(math.sqrt(float(np.vdot(move, move))))
        return Step(star.stalk + move, at_least=turn)
