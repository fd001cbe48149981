"""Stalks give way to a pull at the output, and maps to the discord that this leaves."""

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
    """Learn from the discord of each edge after some sweeps under a soft pin at the output.

    Each batch begins on its forward pass. The output is pulled towards the targets with strength
    γ, γ times the loss of each sample; the stalks move by a local rule, one vertex after the
    other from the output down, and up and down again in every later sweep. Then each map learns
    from t = r/γ of its own edge: local discrepancy and nothing else.

    As γ → 0 one sweep gives backpropagation in a local metric,
    t_l = (I + W_l W_lᵀ)⁻¹ · ½ R_l W_{l+1}ᵀ t_{l+1} (no ½ R at the output, and no inverse at l = 1,
    whose tail is held), which loses the gradient's direction with depth; many sweeps give the
    gradient itself, with an error proportional to γ.

    Attributes
    ----------
    strength
        γ, positive. In float32 keep it above 1e-2.
    sweeps
        How often the stalks move up and down; a sweep is one round.
    stalks
        The rule by which they do: exact steps that stay in their basin, if it is not given.
    """

    strength: float = 0.1
    sweeps: int = 1
    stalks: Rule = Prox("keep")

    def __post_init__(self) -> None:
        if not 0.0 < self.strength < math.inf:
            raise RuleError(f"relax: strength is {self.strength}; it must be positive and finite")
        if self.sweeps % 1 != 0 or self.sweeps < 1:  # NaN and infinity leave no whole rest
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
    """The stalk moves both ways."""

    down_kind = Kind.PROJECTION

    def __init__(
        self, rule: Relax, star: Star, data: StalkPins | None, learner: MapLearner, batch: int
    ) -> None:
        super().__init__(star, data, learner, batch)
        self.sweeps = rule.sweeps
        self._rule = rule
        self._stalks: Program | None = None

    def begin(self, inbox: Inbox) -> Step:
        # What the rule for the stalks remembers is of the samples of the batch before.
        self._stalks = None
        return super().begin(inbox)

    def go_up(self, inbox: Inbox) -> Step:
        return Step(self._moved(inbox), batch=BatchStep(self.star, self._up_to, self.batch))

    def go_down(self, inbox: Inbox, *, learn: bool) -> Step:
        """Move, and learn from what is left."""
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
        """Return where the rule for the stalks moves the vertex; None if it stays."""
        if self.star.pinned:
            return None
        if self._stalks is None:
            self._stalks = self._rule.stalks.start(self.star)
        return self._stalks.step(self.star, inbox).stalk
