"""Stalks and maps move together."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sheafnet.core.maps import Affine
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.learning import gradient
from sheafnet.dynamics.program import Program, Step
from sheafnet.dynamics.rule import Rule
from sheafnet.dynamics.star import Star
from sheafnet.errors import RuleError


@dataclass(frozen=True)
class Joint(Rule):
    """ẋ = −α ∇ₓE and Ẇ = −β ∇_W E, in explicit Euler steps (Bosca & Ghrist 2026).

    A vertex moves its stalk, and the affine maps that it is the tail of, all from what it had
    before the step: the map on an edge with residual r = W a + b − z by −β dt r aᵀ and −β dt Σ r,
    summed over the samples.

    Attributes
    ----------
    alpha, beta
        Rates of stalks and maps. The paper takes 1 and one over the number of samples.
    dt
        The step.

    Raises
    ------
    RuleError
        If one of them is not positive and finite.
    """

    alpha: float
    beta: float
    dt: float

    may_withhold = False
    learns = True
    remedy = "lower dt, or beta where it is the maps that grow"

    def __post_init__(self) -> None:
        for name in ("alpha", "beta", "dt"):
            value = getattr(self, name)
            if not 0.0 < value < math.inf:
                raise RuleError(f"joint: {name} is {value}; it must be positive and finite")

    def start(self, star: Star) -> Program:
        del star  # what it makes of one it sees in every step
        return JointProgram(self.alpha * self.dt, self.beta * self.dt)


@dataclass(frozen=True)
class JointProgram:
    """The steps of one vertex: of its stalk unless it is held, and of its maps in any case."""

    stalk_step: float
    map_step: float

    def ready(self, star: Star, inbox: Inbox) -> bool:
        return star.heard_all(inbox)

    def step(self, star: Star, inbox: Inbox) -> Step:
        """Return the stalk and the maps after one step."""
        maps = {}
        for inc, own, heard in zip(
            star.incidences, star.projections, star.heard(inbox), strict=True
        ):
            if inc.is_tail and isinstance(inc.map, Affine):
                W, b = gradient(star.stalk, inc.residual(own, heard))
                maps[inc.edge] = inc.map.shifted(-self.map_step * W, -self.map_step * b)
        if star.pinned:
            return Step(None, maps=maps)
        return Step(star.stalk - self.stalk_step * star.descent(inbox), maps=maps)
