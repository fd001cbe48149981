"""Sor, over-relaxed proximal steps of vertices that take turns."""

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
"""Weight of the old value in the moving average of the ratio of successive step norms."""
REVISED_AFTER = 15
"""Number of steps from one revision of ω to the next."""
LARGEST = 1.95
"""Largest ω that a vertex chooses."""
GROWING = 1.02
"""Least average ratio of successive step norms at which ω is lowered."""
BACK_OFF = 0.7
"""Factor by which ω − 1 is multiplied when ω is lowered."""


@dataclass(frozen=True)
class Sor(Rule):
    """A rule of successive over-relaxation, x ← x + ω (prox − x), by vertices that take turns.

    Here prox is the minimiser of the energy around the vertex, as in `sn.Prox("lowest")`. Every
    edge has one *token*. One of the two ends of the edge holds it, at the start the end that comes
    earlier in ``Sheaf.vertices``. A vertex steps when it holds the tokens of all edges, except the
    edges to neighbours whose whole stalk is held by pins. The messages of the step pass these
    tokens to the neighbours. Therefore two neighbours never step at the same time. For any delays
    there is a serial order of the steps that gives the same result.

    Parameters
    ----------
    omega
        Relaxation factor ω in (0, 2), the same at all vertices. With None (default) each vertex
        starts with ω = 1 and estimates its own ω from the ratio of its successive step norms.

    Raises
    ------
    RuleError
        If ``omega`` is not in (0, 2).

    Notes
    -----
    Let θ be a geometric moving average of the ratio of successive step norms. The spectral radius μ
    of the Jacobi iteration follows from (θ + ω − 1)² = θ ω² μ², and the best factor from μ:
    ω = 2 / (1 + √(1 − μ²)) (Young, "Iterative Solution of Large Linear Systems", 1971; for the
    adaptive use see Hageman & Young, "Applied Iterative Methods", 1981).
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
    """The relaxation factor of one vertex, fixed or adapted during the run.

    Parameters
    ----------
    omega
        Fixed factor in (0, 2). With None the factor is 1 at first, and is then adapted to the norms
        of the steps.

    Attributes
    ----------
    omega
        Present factor.
    """

    def __init__(self, omega: float | None) -> None:
        self.omega = 1.0 if omega is None else omega
        self._adapts = omega is None
        self._steps = 0
        self._norm = 0.0
        # Moving average of the logarithms of the ratios. Near the best factor the norms oscillate,
        # so that the mean of the ratios themselves exceeds 1 although the steps shrink.
        self._mean: float | None = None

    def observe(self, norm: float) -> None:
        """Record the norm of a step, and revise the factor after every fifteenth step."""
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
    """The program of one vertex: over-relaxed steps, each taken when the vertex has the tokens.

    The *leading* end of an edge is the end that comes earlier in ``Sheaf.vertices``. The
    sequence numbers of the two ends determine which end holds the token of the edge. If the
    sequence number of the leading end is larger, the other end holds it; otherwise the leading end
    holds it. Sequence numbers only grow. Therefore the two ends never hold the token at the same
    time, and the token cannot be lost.

    Attributes
    ----------
    proximal
        Method that computes the minimiser.
    relaxation
        Relaxation factor of the vertex.
    """

    proximal: Proximal
    relaxation: Relaxation

    def ready(self, star: Star, inbox: Inbox) -> bool:
        if not star.received_all(inbox):
            return False
        for key, leads in star.turns:  # noqa: SIM110 - called often, and a loop is faster
            if inbox.sequence(key) + leads <= star.sequence:
                return False
        return True

    def step(self, star: Star, inbox: Inbox) -> Step:
        """Return the over-relaxed step. Its messages pass the tokens to the neighbours."""
        if not star.turns:  # every neighbour is held, so there are no turns
            stationary = star.stationarity(inbox) <= star.send_threshold
            return Step(None if stationary else self.proximal.minimiser(star, inbox))
        # With a list ``max`` is faster than with a generator.
        turn = max([inbox.sequence(key) + leads for key, leads in star.turns])  # noqa: C419
        move = relaxed(star, self.proximal.minimiser(star, inbox), self.relaxation.omega)
        self.relaxation.observe(math.sqrt(float(np.vdot(move, move))))
        return Step(star.stalk + move, at_least=turn)
