"""The sections of a configuration about training: optimisers, length and evaluation.

The rules that learn are in ``sheafnet.config.schema.rules``.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from sheafnet.config.schema.data import TestSection
from sheafnet.config.schema.section import Section
from sheafnet.dynamics.optimisers import Adam, Kron, Optimiser, Schedule, Sgd

Share: TypeAlias = Annotated[float, Field(ge=0.0, lt=1.0)]


class _OptimiserSettings(Section):
    """The settings that all optimisers share."""

    rate: PositiveFloat
    """Learning rate in the first step after the warm-up; positive."""
    schedule: Schedule = Optimiser.schedule
    """Course of the rate after the warm-up: ``constant``, or ``cosine``, which falls to 0 at the
    end of the training."""
    warmup: Annotated[int, Field(ge=0)] = Optimiser.warmup
    """Number of steps over which the rate rises linearly to ``rate``; 0 or more."""
    weight_decay: NonNegativeFloat = Optimiser.weight_decay
    """Share of W, not of b, that each step takes off, times the rate; 0 or more."""
    clip: PositiveFloat | None = Field(
        default=None,
        description="Norm of the longest step, decay aside, as a share of the norm of the map, or "
        "of 0.1 where that norm is less; positive. By default there is no bound.",
    )


class SgdSection(_OptimiserSettings):
    """Gradient descent, with or without momentum."""

    kind: Literal["sgd"]
    momentum: Share = Sgd.momentum
    """Factor of the previous velocity, in [0, 1); 0 means plain gradient descent."""


class AdamSection(_OptimiserSettings):
    """Adam: steps of about the learning rate in every entry of a map."""

    kind: Literal["adam"]
    beta1: Share = Adam.beta1
    """Decay of the running mean of the gradient, in [0, 1)."""
    beta2: Share = Adam.beta2
    """Decay of the running mean of its square, in [0, 1)."""
    epsilon: PositiveFloat = Adam.epsilon
    """Number added to the root of that mean, so that no step divides by 0; positive."""


class KronSection(_OptimiserSettings):
    """A natural gradient from the second moments of the stalk and the tension of the edge."""

    kind: Literal["kron"]
    damping: PositiveFloat = Kron.damping
    """Damping λ, shared out between the two second moments; positive."""
    momentum: Share = Kron.momentum
    """Factor of the previous direction in its moving average, in [0, 1)."""
    clip: PositiveFloat | None = Kron.clip
    """Norm of the longest step, decay aside, as a share of the norm of the map, or of 0.1 where
    that norm is less; positive. null means no bound."""


OptimiserSection: TypeAlias = Annotated[
    SgdSection | AdamSection | KronSection, Field(discriminator="kind")
]


class TrainingSection(Section):
    """The optimiser of every map, and the length of the training."""

    optimiser: OptimiserSection | None = Field(
        default=None,
        description="Optimiser of every map. It may be left out for the rule ``joint`` with beta "
        "and dt, which then takes Euler steps.",
    )
    rounds: PositiveInt | None = None
    """Length of the training in rounds, at least 1; ``nudged`` and ``joint`` take one round a step,
    ``relax`` its number of sweeps. Give this or ``epochs``."""
    epochs: PositiveFloat | None = None
    """Length of the training in passes over all samples, positive. Give this or ``rounds``."""
    max_time: PositiveFloat | None = Field(
        default=None,
        description="Time after which training stops, positive: virtual time, or seconds on a "
        "cluster. By default there is no limit.",
    )
    batch_size: PositiveInt | None = Field(
        default=None,
        description="Number of samples in a step, at least 1. By default all; ``joint`` always "
        "takes all.",
    )
    batches_in_flight: PositiveInt = Field(
        default=1,
        description="Number of batches that the layers work on at the same time, at least 1. With "
        "F of them a gradient is taken with maps that are up to F − 1 steps old.",
    )
    every: PositiveInt | None = Field(
        default=None,
        description="Steps from one evaluation to the next, at least 1. By default an epoch, or a "
        "tenth of the training where an epoch is one step or the whole training.",
    )
    patience: PositiveInt | None = Field(
        default=None,
        description="Number of successive evaluations without a better loss after which training "
        "stops and returns the best network; at least 1. By default it does not stop "
        "early.",
    )
    label_smoothing: Share = 0.0
    """Share of each one-hot target that is spread evenly over all classes, in [0, 1)."""
    test: TestSection | None = Field(
        default=None,
        description="Test samples, which each evaluation measures as well. By default there are "
        "none, except for a task, which has its own.",
    )

    @model_validator(mode="after")
    def _one_length(self) -> TrainingSection:
        if (self.rounds is None) == (self.epochs is None):
            raise ValueError("give either rounds or epochs")
        return self
