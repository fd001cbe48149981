"""The set-up of a training: it checks the user's settings and makes a problem from them."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike

from sheafnet.core.arrays import Array, checked_samples
from sheafnet.core.cochain import Cochain
from sheafnet.core.naming import INPUT
from sheafnet.core.network import ReluNetwork
from sheafnet.core.pins import Pin, resolve_pins
from sheafnet.core.sheaf import Sheaf
from sheafnet.core.stalkpins import wholly_held
from sheafnet.core.targets import Split, smoothed, targets
from sheafnet.dynamics.optimisers import Optimiser
from sheafnet.dynamics.rule import Rule
from sheafnet.dynamics.rules import as_rule
from sheafnet.dynamics.training.learning_rule import BatchRule, LearningRule
from sheafnet.dynamics.training.plan import TrainingPlan
from sheafnet.errors import InputError, RuleError
from sheafnet.runtime.jobs.batches import Shuffled
from sheafnet.runtime.jobs.checkpoint import Checkpoint
from sheafnet.runtime.jobs.inference_setup import relaxation_problem
from sheafnet.runtime.jobs.initial import Init
from sheafnet.runtime.jobs.training import TrainingProblem
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.stop import Stop

EVALUATIONS = 10
"""Approximate default number of evaluations if an epoch has one step (rounded) or if training lasts
at most one epoch. Any other training is evaluated after each epoch by default."""

EXACT = 6
"""Number of decimal places to which a number of steps is rounded before it is rounded up to a whole
number. The first rounding removes the floating-point error in the number of steps."""


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Settings of a training: all arguments of ``sheafnet.api.train`` that affect the problem.

    ``sheafnet.api.train`` documents them. ``resumed`` is the checkpoint from which the training is
    resumed. With None (default) training begins at step 0.
    """

    rule: str | Rule = "nudged"
    optimiser: Optimiser | None = None
    rounds: int | None = None
    epochs: float | None = None
    max_time: float | None = None
    batch_size: int | None = None
    batches_in_flight: int = 1
    seed: int = 0
    init: Init = "forward"
    test: Split | tuple[ArrayLike, ArrayLike] | None = None
    every: int | None = None
    patience: int | None = None
    label_smoothing: float = 0.0
    resumed: Checkpoint | None = None


def training_problem(
    net: ReluNetwork,
    x: ArrayLike,
    y: ArrayLike,
    settings: TrainingSettings,
    *,
    require_steps: bool = False,
) -> TrainingProblem:
    """Check the settings of a training and return its problem.

    The arguments are those of ``sheafnet.api.train``.

    Parameters
    ----------
    net
        Network to train.
    x
        Inputs, shape (n_0, samples).
    y
        Targets, shape (n_out, samples), or integer class labels, shape (samples,).
    settings
        All other settings.
    require_steps
        Whether the rule must learn from batches; False by default. Set it to True if hosts may
        crash and be restarted without their maps. Only a training with a rule that learns from
        batches can go back to a snapshot.

    Raises
    ------
    RuleError
        If no maps are updated under the rule; if a checkpoint is given with ``Joint``; or if
        ``Joint`` has neither an optimiser nor settings from which an optimiser follows.
    UnknownNameError
        If ``rule`` is not the name of a rule; if ``init`` names a vertex that the network does not
        have; or if ``init`` has no value for a free vertex.
    ShapeError
        If inputs, targets, labels or ``init`` do not have the shape that the network needs.
    EmptyBatchError
        If the inputs or the test inputs have no samples.
    NonFiniteError
        If inputs or targets contain NaN or infinity, or if the rule is ``Joint`` and the forward
        pass at the start overflows.
    InputError
        In each of these cases:

        - ``rounds``, ``batch_size``, ``batches_in_flight``, ``every`` or ``patience`` is not a
          whole number, or is less than 1.
        - ``rounds`` and ``epochs`` are both given, or neither of them is given.
        - ``epochs`` is not positive and finite.
        - ``rounds`` is smaller than the number of rounds of one step.
        - ``batch_size`` is larger than the number of samples.
        - ``init``, ``batch_size`` or ``batches_in_flight`` is given with a rule that does not use
          it.
        - ``require_steps`` is true and the rule does not learn from batches.
        - The rule needs an optimiser and ``optimiser`` is None.
        - ``optimiser`` is neither None nor an ``Optimiser``.
        - The targets or labels are not possible for the output activation.
        - ``label_smoothing`` is not in [0, 1), or it is not 0 and the output has no classes.
        - ``test`` is not None, and is neither a ``Split`` nor a pair (x, y).
        - The checkpoint is from a training with another ``batches_in_flight``.
    """
    learning = _learning_rule(settings)
    if require_steps and not isinstance(learning, BatchRule):
        raise InputError(
            f"train: {type(learning).__name__} has no steps to go back to, and a host that crashes "
            "forgets its maps; leave restarts out, or use Nudged or Relax"
        )
    _require_counts(settings)
    train = _split(net, x, y, "")
    test = None if settings.test is None else _test_split(net, settings.test)
    aims = _softened(net, train.y, settings.label_smoothing)
    plan = _plan(learning, train.x.shape[1], settings)
    rule = learning.with_plan(plan)
    identity = net.output == "identity"
    # With a sigmoid or softmax, the loss is the energy of the output edge and not of a soft pin.
    sheaf = net.to_sheaf("auto", 1.0 if identity else rule.loss_weight)
    pull = rule.output_strength(net.widths[-1]) if identity else None
    pins = [Pin(INPUT, train.x), Pin(net.output_vertex, aims, strength=pull)]
    if isinstance(rule, BatchRule):
        start = _batch_problem(sheaf, pins, rule, plan, settings.max_time)
    else:
        # While maps are updated, stationary stalks must not end the run. The smallest positive
        # tolerance prevents this.
        stop = Stop(sys.float_info.min, plan.steps, settings.max_time)
        start = relaxation_problem(sheaf, pins, rule, stop, settings.init, settings.seed)
    resumed = settings.resumed
    return TrainingProblem(
        start.sheaf, start.pins, start.start, start.rule, start.stop,
        None if resumed is None else resumed.snapshot,
        network=net, train=train, test=test, plan=plan, patience=settings.patience, past=resumed,
    )  # fmt: skip


def _learning_rule(settings: TrainingSettings) -> LearningRule:
    """Check that the rule fits the other settings, and return the rule.

    Raises
    ------
    RuleError
        If no maps are updated under the rule, or if a checkpoint is given and the rule does not
        learn from batches.
    UnknownNameError
        If the setting ``rule`` is not the name of a rule.
    InputError
        If ``init`` or ``batches_in_flight`` is not the default and the rule does not use it; or if
        the checkpoint is from a training with another ``batches_in_flight``.
    """
    rule = as_rule(settings.rule)
    name = type(rule).__name__
    if not isinstance(rule, LearningRule):
        raise RuleError(f"train: {name} does not learn; use Nudged, Relax or Joint")
    if isinstance(rule, BatchRule):
        if settings.init != "forward":
            raise InputError("train: every batch starts on its forward pass; init is for Joint")
    else:
        if settings.resumed is not None:
            raise RuleError(f"train: {name} has no snapshots to go on from")
        if settings.batches_in_flight > 1:
            raise InputError(f"train: {name} has no batches; leave batches_in_flight out")
    snapshot = None if settings.resumed is None else settings.resumed.snapshot
    given = settings.batches_in_flight
    if snapshot is not None and snapshot.batches_in_flight not in (None, given):
        raise InputError(
            "train: the checkpoint is of a training with batches_in_flight "
            f"{snapshot.batches_in_flight}, not {given}"
        )
    return rule


def _require_counts(settings: TrainingSettings) -> None:
    """Check that counts are positive whole numbers, and that the optimiser is an ``Optimiser``.

    Raises
    ------
    InputError
        If a count is not a whole number, if a count is less than 1, or if the optimiser is not an
        ``Optimiser``.
    """
    for name in ("rounds", "batch_size", "batches_in_flight", "every", "patience"):
        value = getattr(settings, name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise InputError(f"train: {name} is {value!r}; it must be a whole number")
        if int(value) < 1:
            raise InputError(f"train: {name} is {value}; it must be at least 1")
    optimiser: object = settings.optimiser
    if optimiser is not None and not isinstance(optimiser, Optimiser):
        raise InputError(f"train: {optimiser!r} is no optimiser; give Sgd(…), Adam(…) or Kron(…)")


def _split(net: ReluNetwork, x: ArrayLike, y: ArrayLike, which: str) -> Split:
    """Check the inputs ``x`` and the targets ``y``, and return them.

    In error messages ``which`` stands before the words "inputs" and "targets".
    """
    inputs = checked_samples(f"{which}inputs", x, net.widths[0])
    return Split(inputs, targets(net, y, inputs.shape[1], which))


def _test_split(net: ReluNetwork, test: Split | tuple[ArrayLike, ArrayLike]) -> Split:
    """Check the test samples and return them.

    Raises
    ------
    InputError
        If ``test`` is neither a ``Split`` nor a pair of inputs and targets.
    """
    if isinstance(test, Split):
        return _split(net, test.x, test.y, "test ")
    try:
        inputs, aims = test
    except (TypeError, ValueError):
        raise InputError("train: test is to be a pair of inputs and targets") from None
    return _split(net, inputs, aims, "test ")


def _softened(net: ReluNetwork, y: Array, share: float) -> Array:
    """Return smoothed targets: the part ``share`` of each target is spread over all classes.

    Raises
    ------
    InputError
        If ``share`` is not in [0, 1), or if it is not 0 and the output has no classes.
    """
    if not 0.0 <= share < 1.0 or (share and net.output == "identity"):
        raise InputError(
            f"train: label_smoothing is {share}; it must be in [0, 1), and 0 for an output without "
            "classes"
        )
    return smoothed(net.output, y, share) if share else y


def _plan(rule: LearningRule, samples: int, settings: TrainingSettings) -> TrainingPlan:
    """Return the plan of a training: its batches, number of steps, optimiser and evaluations.

    ``samples`` is the number of training samples.

    Raises
    ------
    InputError
        In each of these cases:

        - ``batch_size`` is larger than the number of samples.
        - The rule has no batches, and ``batch_size`` is given and is not the number of samples.
        - ``rounds`` and ``epochs`` are both given, or neither of them is given.
        - ``epochs`` is not positive and finite.
        - ``rounds`` is smaller than the number of rounds of one step.
        - The rule needs an optimiser and ``optimiser`` is None.
    """
    batch_size = settings.batch_size
    if batch_size is not None and batch_size > samples:
        raise InputError(
            f"train: batch_size is {batch_size}; it must be from 1 to {samples}, the samples there "
            "are"
        )
    if not isinstance(rule, BatchRule) and batch_size not in (None, samples):
        raise InputError(f"train: {type(rule).__name__} has no batches; leave batch_size out")
    size = batch_size or samples
    optimiser = settings.optimiser or rule.default_optimiser(size)
    steps = _steps(rule, samples / size, settings.rounds, settings.epochs)
    epoch = round(samples / size)
    usual = epoch if 1 < epoch < steps else max(steps // EVALUATIONS, 1)
    return TrainingPlan(
        optimiser,
        Shuffled(samples, size, settings.seed),
        steps,
        settings.every or usual,
        int(settings.batches_in_flight),
    )


def _steps(rule: LearningRule, epoch: float, rounds: int | None, epochs: float | None) -> int:
    """Return the number of steps of a training.

    Parameters
    ----------
    rule
        Learning rule. It determines how many rounds one step takes.
    epoch
        Number of steps in an epoch, not necessarily whole.
    rounds, epochs
        Length of the training in rounds or in epochs. Exactly one of the two must be given, the
        other must be None.

    Raises
    ------
    InputError
        If both or neither of ``rounds`` and ``epochs`` are given; if ``epochs`` is not positive and
        finite; or if ``rounds`` is smaller than the number of rounds of one step.
    """
    if (rounds is None) == (epochs is None):
        raise InputError("train: give either rounds or epochs")
    if epochs is not None:
        if not 0.0 < epochs < math.inf:
            raise InputError(f"train: epochs is {epochs}; it must be positive")
        return math.ceil(round(epochs * epoch, EXACT))
    assert rounds is not None
    if rounds < rule.rounds_per_step:
        raise InputError(f"train: rounds is {rounds}; a step takes {rule.rounds_per_step}")
    return rounds // rule.rounds_per_step


def _batch_problem(
    sheaf: Sheaf, pins: list[Pin], rule: BatchRule, plan: TrainingPlan, max_time: float | None
) -> Problem:
    """Return the problem for a rule that learns from batches.

    The stalks are 0 at the start. Each batch begins with its forward pass, which sets all stalks.
    """
    resolved = resolve_pins(sheaf, pins)
    sheaf = sheaf.facing(wholly_held(resolved))
    blank = {v: np.zeros((sheaf.stalk_dim(v), plan.batches.size)) for v in sheaf.vertices}
    nothing = Cochain({v: x.astype(sheaf.dtype) for v, x in blank.items()})
    # The run ends after its last step, so the number of rounds needs no limit.
    return Problem(sheaf, resolved, nothing, rule, Stop(None, sys.maxsize, max_time))
