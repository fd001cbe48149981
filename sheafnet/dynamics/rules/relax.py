"""Relax, a learning rule that moves stalks under a soft pin and updates maps from residuals."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

from sheafnet.core.arrays import Array
from sheafnet.core.maps import Affine
from sheafnet.core.sheaf import Sheaf
from sheafnet.core.stalkpins import Pins, StalkPins
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.messages import Kind
from sheafnet.dynamics.program import BatchStep, Program, Step
from sheafnet.dynamics.rule import Rule, require_relaxation
from sheafnet.dynamics.rules.prox import Prox
from sheafnet.dynamics.star import Star
from sheafnet.dynamics.training.batch_pass import BatchPass, ends
from sheafnet.dynamics.training.batch_program import batch_program
from sheafnet.dynamics.training.learning_rule import BatchRule
from sheafnet.dynamics.training.map_learner import MapLearner
from sheafnet.errors import RuleError


@dataclass(frozen=True)
class Relax(BatchRule):
    """A rule under which each map is updated from the residual of its own edge under a soft pin.

    For each batch the stalks begin with the values of the forward pass. A soft pin pulls the output
    towards the targets: γ times the loss of each sample is added to the energy. A *sweep* of this
    rule is one round: messages go from the input to the output and back. In the first sweep
    the rule ``stalks`` moves the stalks on the way back only, one after the other. In every later
    sweep it moves them on the way to the output and on the way back. Then each map is updated with
    the tension t = r/γ, where r is the residual of its own edge.

    As γ → 0, one sweep gives backpropagation in a local metric,
    t_l = (I + W_l W_lᵀ)⁻¹ · ½ R_l W_{l+1}ᵀ t_{l+1}. Here W_l is the weight matrix of layer l, t_l
    the tension of its edge, and R_l the diagonal matrix with 1 for active units and 0 elsewhere.
    The factor ½ R_l is absent at the output. The inverse is absent at l = 1, because the tail of
    this edge is held. The deeper the network, the more this direction differs from the gradient.
    Many sweeps give the gradient, with an error proportional to γ.

    Parameters
    ----------
    strength
        Strength γ of the soft pin, positive and finite; default 0.1. In float32 it should exceed
        1e-2.
    sweeps
        Number of sweeps for each batch, a whole number, 1 (default) or more.
    stalks
        Rule that moves the stalks; default ``Prox("keep")``. Its attribute ``relaxes`` must be
        True.
    plan
        Plan of the training, ``sheafnet.dynamics.training.plan.TrainingPlan``. ``sn.train`` sets
        it; leave it at None (default).

    Raises
    ------
    RuleError
        If ``strength`` is not positive and finite, if ``sweeps`` is not a whole number or is
        smaller than 1, or if the attribute ``relaxes`` of ``stalks`` is False.
    """

    strength: float = 0.1
    sweeps: int = 1
    stalks: Rule = Prox("keep")

    def __post_init__(self) -> None:
        if not 0.0 < self.strength < math.inf:
            raise RuleError(f"relax: strength is {self.strength}; it must be positive and finite")
        if self.sweeps % 1 != 0 or self.sweeps < 1:  # NaN and infinity have the remainder NaN
            raise RuleError(f"relax: sweeps is {self.sweeps}; it must be whole, 1 or more")
        require_relaxation("relax", self.stalks)

    def fitted(self, sheaf: Sheaf, pins: Pins) -> Rule:
        return replace(self, stalks=self.stalks.fitted(sheaf, pins))

    @property
    def rounds_per_step(self) -> int:
        return self.sweeps

    @property
    def loss_weight(self) -> float:
        return self.strength

    def start(self, star: Star) -> Program:
        return batch_program(star, self.require_plan(), partial(RelaxPass, self))


class RelaxPass(BatchPass):
    """The pass of a batch in which the stalk is moved on the way to the output and on the way back.

    Parameters
    ----------
    rule
        The rule, with its settings.
    star
        Star of the vertex for this batch.
    data
        Pins of all samples of the training if the vertex is an end of the path; else None.
    learner
        Learner, which updates the map on the vertex's edge nearer to the output.
    batch
        Number of the first batch of this pass, counted from 0.
    """

    down_kind = Kind.PROJECTION

    def __init__(
        self, rule: Relax, star: Star, data: StalkPins | None, learner: MapLearner, batch: int
    ) -> None:
        super().__init__(star, data, learner, batch)
        self.sweeps = rule.sweeps
        self._rule = rule
        self._stalks: Program | None = None

    def begin(self, inbox: Inbox) -> Step:
        # The program that moved the stalk may hold values of the previous batch.
        self._stalks = None
        return super().begin(inbox)

    def go_up(self, inbox: Inbox) -> Step:
        return Step(self._moved(inbox), batch=BatchStep(self.star, self._up_to, self.batch))

    def go_down(self, inbox: Inbox, *, learn: bool) -> Step:
        """Move the stalk; if ``learn``, update the map from the residual left on its edge."""
        _, above = ends(self.star)
        moved = self._moved(inbox)
        stalk = self.star.stalk if moved is None else moved
        maps: dict[str, Affine] = {}
        if above is not None and learn:
            assert self._from_above is not None
            residual: Array = above.map.apply(stalk) - inbox[self._from_above]
            maps = self.learner.learn(stalk, residual, residual / self._rule.strength)
        return Step(moved, maps=maps, batch=BatchStep(self.star, self._down_to, self.batch))

    def _moved(self, inbox: Inbox) -> Array | None:
        """Return the stalk after a step of the rule ``stalks``; None if it stays the same."""
        if self.star.pinned:
            return None
        if self._stalks is None:
            self._stalks = self._rule.stalks.start(self.star)
        return self._stalks.step(self.star, inbox).stalk
