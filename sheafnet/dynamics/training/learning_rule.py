"""Base classes of the rules that train: maps change all the time, or in steps from batches."""

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
        Batches, number of steps and optimiser; None until ``sheafnet.api.train`` sets it.
    """

    plan: TrainingPlan | None = field(default=None, repr=False, kw_only=True)

    may_withhold = False

    @property
    def rounds_per_step(self) -> int:
        """Number of rounds in a step."""
        return 1

    @property
    def loss_weight(self) -> float:
        """Factor that multiplies the loss of each sample in the energy."""
        return 1.0

    def output_strength(self, outputs: int) -> float:
        """Return the strength of the soft pin at an output with the identity as activation.

        The loss of a sample is ‖z − y‖²/n_out, which is the energy of a pin of strength 2/n_out;
        the result is that strength times ``loss_weight``.

        Parameters
        ----------
        outputs
            n_out, the number of outputs.
        """
        return 2.0 * self.loss_weight / outputs

    def default_optimiser(self, samples: int) -> Optimiser:  # noqa: ARG002
        """Return the optimiser that the rule uses when the user gives none.

        Parameters
        ----------
        samples
            Number of samples in a step.

        Raises
        ------
        InputError
            If the rule has no optimiser of its own, as here.
        """
        raise InputError("train: give an optimiser: Sgd(…), Adam(…) or Kron(…)")

    def with_plan(self, plan: TrainingPlan) -> Self:
        """Return a copy of the rule with ``plan``."""
        return replace(self, plan=plan)

    def require_plan(self) -> TrainingPlan:
        """Return the plan.

        Raises
        ------
        RuleError
            If the rule has no plan, because it was not started by ``sheafnet.api.train``.
        """
        if self.plan is None:
            raise RuleError("a rule that learns has no plan: use train(net, x, y, …)")
        return self.plan


@dataclass(frozen=True)
class BatchRule(LearningRule):
    """A rule that learns in steps, one for each batch; a run under it ends with the last step.

    Attributes
    ----------
    plan
        Batches, number of steps and optimiser; None until ``sheafnet.api.train`` sets it.
    """

    remedy = "lower the rate of the optimiser, or set its clip"

    def turns(self, sheaf: Sheaf) -> list[Sequence[str]]:
        """Return one turn for each vertex of a path, from the input to the output and back."""
        names = sheaf.vertices
        return [[name] for name in (*names, *reversed(names))]
