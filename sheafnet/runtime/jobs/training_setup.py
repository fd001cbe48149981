"""The set-up of a training: its plan and its problem, from the settings of a user."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral

from numpy.typing import ArrayLike

from sheafnet.core.arrays import Array, checked_samples
from sheafnet.core.network import ReluNetwork
from sheafnet.core.targets import Split, smoothed, targets
from sheafnet.dynamics.optimisers import Optimiser
from sheafnet.dynamics.rules.joint import Joint
from sheafnet.dynamics.rules.nudged import Nudged
from sheafnet.dynamics.rules.relax import Relax
from sheafnet.dynamics.training.plan import TrainingPlan
from sheafnet.errors import InputError
from sheafnet.runtime.jobs.batches import Shuffled

EVALUATIONS = 10
EXACT = 6
"""Digits behind the point of a number of steps; what is beyond is rounding."""


def split(net: ReluNetwork, x: ArrayLike, y: ArrayLike, which: str) -> Split:
    """Return checked inputs and targets; ``which`` begins what is said of them in an error."""
    inputs = checked_samples(f"{which}inputs", x, net.widths[0])
    return Split(inputs, targets(net, y, inputs.shape[1], which))


def other_split(net: ReluNetwork, test: Split | tuple[ArrayLike, ArrayLike]) -> Split:
    """Return checked samples of a pair of inputs and targets; ``InputError`` if it is none."""
    if isinstance(test, Split):
        return split(net, test.x, test.y, "test ")
    try:
        inputs, aims = test
    except (TypeError, ValueError):
        raise InputError("train: test is to be a pair of inputs and targets") from None
    return split(net, inputs, aims, "test ")


def softened(net: ReluNetwork, y: Array, share: float) -> Array:
    """Return targets with a share spread over all classes; see ``api.train``."""
    if not 0.0 <= share < 1.0 or (share and net.output == "identity"):
        raise InputError(
            f"train: label_smoothing is {share}; it must be in [0, 1), and 0 for an output without "
            "classes"
        )
    return smoothed(net.output, y, share) if share else y


def require_settings(optimiser: object, counts: Mapping[str, object]) -> None:
    """Raise ``InputError`` unless counts are whole and positive, and an optimiser is one."""
    for name, value in counts.items():
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise InputError(f"train: {name} is {value!r}; it must be a whole number")
        if int(value) < 1:
            raise InputError(f"train: {name} is {value}; it must be at least 1")
    if optimiser is not None and not isinstance(optimiser, Optimiser):
        raise InputError(f"train: {optimiser!r} is no optimiser; give Sgd(…), Adam(…) or Kron(…)")


def planned(
    rule: Joint | Nudged | Relax,
    train: Split,
    optimiser: Optimiser | None,
    rounds: int | None,
    epochs: float | None,
    batch_size: int | None,
    batches_in_flight: int,
    seed: int,
    every: int | None,
) -> TrainingPlan:
    """Return the plan; see ``api.train`` for the arguments.

    Raises
    ------
    InputError
        If they contradict each other or are out of range.
    """
    samples = train.x.shape[1]
    if batch_size is not None and batch_size > samples:
        raise InputError(
            f"train: batch_size is {batch_size}; it must be from 1 to {samples}, the samples there "
            "are"
        )
    if isinstance(rule, Joint):
        if batch_size not in (None, samples):
            raise InputError("train: Joint has no batches; leave batch_size out")
        if batches_in_flight > 1:
            raise InputError("train: Joint has no batches; leave batches_in_flight out")
        optimiser = optimiser or rule.optimiser(samples)
    if optimiser is None:
        raise InputError("train: give an optimiser: Sgd(…), Adam(…) or Kron(…)")
    size = batch_size or samples
    steps = _steps(rule, samples / size, rounds, epochs)
    epoch = round(samples / size)
    usual = epoch if 1 < epoch < steps else max(steps // EVALUATIONS, 1)
    return TrainingPlan(
        optimiser, Shuffled(samples, size, seed), steps, every or usual, int(batches_in_flight)
    )


def _steps(
    rule: Joint | Nudged | Relax, epoch: float, rounds: int | None, epochs: float | None
) -> int:
    """Return how many steps there are, with so many to an epoch."""
    if (rounds is None) == (epochs is None):
        raise InputError("train: give either rounds or epochs")
    if epochs is not None:
        if not 0.0 < epochs < math.inf:
            raise InputError(f"train: epochs is {epochs}; it must be positive")
        return math.ceil(round(epochs * epoch, EXACT))
    assert rounds is not None
    if rounds < rule.sweeps:
        raise InputError(f"train: rounds is {rounds}; a step takes {rule.sweeps}")
    return rounds // rule.sweeps
