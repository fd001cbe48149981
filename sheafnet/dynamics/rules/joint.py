"""The paper's flow: stalks and maps move together."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from sheafnet.core.maps import Affine
from sheafnet.core.sheaf import Sheaf
from sheafnet.core.stalkpins import Pins
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.optimisers import Optimiser, Sgd
from sheafnet.dynamics.program import Program, Step
from sheafnet.dynamics.rule import Rule, require_relaxation
from sheafnet.dynamics.rules.heat import Heat
from sheafnet.dynamics.star import Star
from sheafnet.dynamics.training.learning_rule import LearningRule
from sheafnet.dynamics.training.plan import TrainingPlan
from sheafnet.errors import RuleError


@dataclass(frozen=True)
class Joint(LearningRule):
    """ẋ = −α ∇ₓE and Ẇ = −β ∇_W E at once (Bosca & Ghrist 2026).

    A vertex moves its stalk, and the affine maps that it is the tail of, all from what it had
    before the step. By themselves both take explicit Euler steps: the map on an edge with residual
    r = W a + b − z moves by −β dt r aᵀ and −β dt Σ r, summed over the samples. ``stalks`` and the
    optimiser of ``train`` put other local steps in their place.

    Attributes
    ----------
    alpha, beta
        Rates of stalks and maps. The paper takes 1 and one over the number of samples.
    dt
        The step.
    stalks
        The rule by which stalks move instead: ``Prox("keep")`` or ``Heat()``, for example.

    Raises
    ------
    RuleError
        If a rate is not positive and finite, or stalks cannot move by that rule.
    """

    alpha: float = 1.0
    beta: float | None = None
    dt: float | None = None
    stalks: Rule | None = None

    remedy = "lower dt, or beta or the rate where it is the maps that grow"

    def __post_init__(self) -> None:
        for name in ("alpha", "beta", "dt"):
            value = getattr(self, name)
            if value is not None and not 0.0 < value < math.inf:
                raise RuleError(f"joint: {name} is {value}; it must be positive and finite")
        if self.stalks is None and self.dt is None:
            raise RuleError("joint: give dt, or a rule for the stalks")
        if self.stalks is not None:
            require_relaxation("joint", self.stalks)
            if self.stalks.takes_turns:
                raise RuleError("joint: stalks cannot take turns; use Prox or Heat")

    def output_strength(self, outputs: int) -> float:  # noqa: ARG002
        """Return 1: the paper's flow pulls the output as an edge would."""
        return 1.0

    def default_optimiser(self, samples: int) -> Optimiser:
        """Return the Euler steps of the maps, which sum over so many samples.

        Raises
        ------
        RuleError
            If beta or dt is not given.
        """
        if self.beta is None or self.dt is None:
            raise RuleError("joint: give beta and dt, or an optimiser for the maps")
        return Sgd(self.beta * self.dt * samples)

    def fitted(self, sheaf: Sheaf, pins: Pins) -> Rule:
        if self.stalks is not None:
            return replace(self, stalks=self.stalks.fitted(sheaf, pins))
        assert self.dt is not None
        return replace(self, stalks=Heat(self.alpha * self.dt))

    def start(self, star: Star) -> Program:
        assert self.stalks is not None
        return JointProgram(star, self.require_plan(), self.stalks)


class JointProgram(Program):
    """The steps of one vertex: of its stalk unless it is held, and of its maps in any case."""

    def __init__(self, star: Star, plan: TrainingPlan, stalks: Rule) -> None:
        self._rule = stalks
        self._stalks: Program | None = None
        self._optimiser_states = {
            inc.edge: plan.optimiser.start(plan.steps)
            for inc in star.incidences
            if inc.is_tail and isinstance(inc.map, Affine)
        }

    def ready(self, star: Star, inbox: Inbox) -> bool:
        return star.received_all(inbox)

    def step(self, star: Star, inbox: Inbox) -> Step:
        """Return the stalk and the maps after one step."""
        maps = {}
        for inc, own, latest in zip(
            star.incidences, star.projections, star.latest(inbox), strict=True
        ):
            optimiser_state = self._optimiser_states.get(inc.edge)
            if optimiser_state is not None and isinstance(inc.map, Affine):
                residual = inc.residual(own, latest)
                maps[inc.edge] = optimiser_state.step(inc.map, star.stalk, residual).map
        if star.pinned:
            return Step(None, maps=maps)
        if self._stalks is None:
            self._stalks = self._rule.start(star)
        stalk = self._stalks.step(star, inbox).stalk
        if maps:
            self._stalks = None  # what it knows of the maps is out of date
        return Step(stalk, maps=maps)
