"""Base classes of the rules that train: maps are updated in every step, or once for each batch."""

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
    """A rule under which maps are updated.

    The vertex at the tail of an edge updates the map at the tail, from its own stalk and from the
    messages on this edge.

    Attributes
    ----------
    plan
        Batches, number of steps and optimiser; None until ``sheafnet.api.train`` sets it.
    """

    plan: TrainingPlan | None = field(default=None, repr=False, kw_only=True)

    may_withhold = False

    @property
    def rounds_per_step(self) -> int:
        """Number of rounds that one step of training takes."""
        return 1

    @property
    def loss_weight(self) -> float:
        """Factor that multiplies the loss of each sample in the energy."""
        return 1.0

    def output_strength(self, outputs: int) -> float:
        """Return the strength of the soft pin at an output with the identity as activation.

        The loss of a sample with output z and target y is ‖z − y‖²/n_out. It is the energy of a
        soft pin of strength 2/n_out. The result is this strength times ``loss_weight``.

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
            Number of samples in a batch.

        Raises
        ------
        InputError
            If the rule has no default optimiser. The base class always raises this error.
        """
        raise InputError("train: give an optimiser: Sgd(…), Adam(…) or Kron(…)")

    def with_plan(self, plan: TrainingPlan) -> Self:
        """Return a copy of the rule that has the plan ``plan``."""
        return replace(self, plan=plan)

    def require_plan(self) -> TrainingPlan:
        """Return the plan of the training.

        Raises
        ------
        RuleError
            If the rule has no plan. Only ``sheafnet.api.train`` sets a plan, so a learning rule
            cannot be used in any other call.
        """
        if self.plan is None:
            raise RuleError("a rule that learns has no plan: use train(net, x, y, …)")
        return self.plan


@dataclass(frozen=True)
class BatchRule(LearningRule):
    """A rule under which maps are updated in training steps, one step for each batch.

    A run under such a rule ends after the last training step of the plan.

    Attributes
    ----------
    plan
        Batches, number of steps and optimiser; None until ``sheafnet.api.train`` sets it.
    """

    remedy = "lower the rate of the optimiser, or set its clip"

    def turns(self, sheaf: Sheaf) -> list[Sequence[str]]:
        """Return the turns of a lockstep round: from the input to the output and back.

        Each turn contains one vertex of the path.
        """
        names = sheaf.vertices
        return [[name] for name in (*names, *reversed(names))]
