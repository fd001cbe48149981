"""Rules under which vertices change their maps: all the time, or in steps from batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from sheafnet.core.sheaf import Sheaf
from sheafnet.dynamics.optimisers import Optimiser
from sheafnet.dynamics.rule import Rule
from sheafnet.dynamics.training.plan import TrainingPlan
from sheafnet.errors import InputError, RuleError


@dataclass(frozen=True)
class LearningRule(Rule):
    """A rule under which the owner of a map changes it, from its own stalk and its own edge.

    Attributes
    ----------
    plan
        Which batches, how many steps and which optimiser; given by ``train``.
    """

    plan: TrainingPlan | None = field(default=None, repr=False, kw_only=True)

    may_withhold = False

    @property
    def rounds_per_step(self) -> int:
        """How many rounds a step takes."""
        return 1

    @property
    def loss_weight(self) -> float:
        """Factor of the loss of each sample."""
        return 1.0

    def output_strength(self, outputs: int) -> float:
        """Return the strength of the pin at an output of so many units without an activation.

        The loss of a sample is ‖z − y‖²/n_out: the energy of a pin of strength 2/n_out.
        """
        return 2.0 * self.loss_weight / outputs

    def default_optimiser(self, samples: int) -> Optimiser:  # noqa: ARG002
        """Return the optimiser that the rule has of its own, for so many samples in a step.

        Raises
        ------
        InputError
            If it has none.
        """
        raise InputError("train: give an optimiser: Sgd(…), Adam(…) or Kron(…)")

    def with_plan(self, plan: TrainingPlan) -> Self:
        """Return the rule with a plan of training."""
        return replace(self, plan=plan)

    def require_plan(self) -> TrainingPlan:
        """Return the plan; ``RuleError`` if there is none."""
        if self.plan is None:
            raise RuleError("a rule that learns has no plan: use train(net, x, y, …)")
        return self.plan


@dataclass(frozen=True)
class BatchRule(LearningRule):
    """A rule that learns in steps, one for each batch; a run under it ends with the last step."""

    remedy = "lower the rate of the optimiser, or set its clip"

    def turns(self, sheaf: Sheaf) -> list[Sequence[str]]:
        """Return the vertices of a path from the input to the output and back, each a turn."""
        names = sheaf.vertices
        return [[name] for name in (*names, *reversed(names))]
