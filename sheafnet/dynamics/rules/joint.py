"""Joint, the flow of Bosca & Ghrist 2026, in which stalks and maps change at the same time."""

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
    """The joint flow of stalks and maps, ẋ = −α ∇ₓE and Ẇ = −β ∇_W E (Bosca & Ghrist 2026).

    In each step a vertex updates its stalk, and its affine maps on the edges of which it is the
    tail. All are computed from the state before the step. By default the updates are explicit Euler
    steps. Take an edge with stalk a at the tail, stalk z at the head and residual r = W a + b − z.
    Its Euler step adds −β dt Σ r aᵀ to W and −β dt Σ r to b, summed over the samples. The parameter
    ``stalks`` replaces the Euler steps of the stalks. An optimiser given to ``sn.train`` replaces
    the Euler steps of the maps.

    Parameters
    ----------
    alpha
        Rate α of the stalks, positive and finite; default 1.0, as in the paper. Not used if
        ``stalks`` is given.
    beta
        Rate β of the maps, positive and finite; in the paper it is one over the number of samples.
        Not used if ``sn.train`` is given an optimiser. With None (default), ``sn.train`` must be
        given an optimiser.
    dt
        Step size of the Euler steps, positive and finite. With None (default), ``stalks`` must be
        given, and ``sn.train`` must be given an optimiser.
    stalks
        Rule that moves the stalks in place of the Euler steps, for example ``Prox("keep")`` or
        ``Heat()``. Its attribute ``relaxes`` must be True, and its attribute ``takes_turns`` must
        be False. With None (default) the stalks make Euler steps.
    plan
        Plan of the training, ``sheafnet.dynamics.training.plan.TrainingPlan``. ``sn.train`` sets
        it; leave it at None (default).

    Raises
    ------
    RuleError
        If ``alpha``, ``beta`` or ``dt`` is not positive and finite, if neither ``dt`` nor
        ``stalks`` is given, or if the attribute ``relaxes`` of ``stalks`` is False or its attribute
        ``takes_turns`` is True.
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
        """Return 1, the strength of the soft pin at the output.

        With this strength the pin adds the energy ½‖r‖², as the output edge in the paper does.

        Parameters
        ----------
        outputs
            Number of output units, not used here.
        """
        return 1.0

    def default_optimiser(self, samples: int) -> Optimiser:
        """Return an optimiser whose steps are the Euler steps of the maps.

        Parameters
        ----------
        samples
            Number of samples. The rate is multiplied by this number, because optimisers use the
            mean over the samples and the flow uses the sum.

        Raises
        ------
        RuleError
            If ``beta`` or ``dt`` is None.
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
    """The program of one vertex: it updates the vertex's maps, and the stalk unless it is held.

    Parameters
    ----------
    star
        Star of the vertex at its start.
    plan
        Plan of the training, with the optimiser.
    stalks
        Rule that moves the stalk.
    """

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
        """Return the new stalk and the new maps, both computed from the state before the step."""
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
            self._stalks = None  # the program may hold values computed from the old maps
        return Step(stalk, maps=maps)
