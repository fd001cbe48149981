"""The sections of a configuration about training: optimisers, length and evaluation.

The learning rules are in ``sheafnet.config.schema.rules``.
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
    """Learning rate in the first training step after the warm-up; positive."""
    schedule: Schedule = Optimiser.schedule
    """Course of the learning rate after the warm-up. ``constant`` (default) keeps it. ``cosine``
    lowers it along half a cosine to 0 at the end of the training."""
    warmup: Annotated[int, Field(ge=0)] = Optimiser.warmup
    """Number of training steps of the warm-up, 0 or more. During the warm-up the learning rate
    rises linearly to ``rate``."""
    weight_decay: NonNegativeFloat = Optimiser.weight_decay
    """Factor λ of the weight decay, 0 or more. Each update of a map also subtracts the present
    learning rate times λ W from the weights W, and nothing from the biases b."""
    clip: PositiveFloat | None = Field(
        default=None,
        description="Largest norm of an update of a map, not counting the weight decay; positive. "
        "It is a multiple of the norm of [W b], the weights W with the biases b as a last column. "
        "A norm of [W b] below 0.1 counts as 0.1. By default there is no bound.",
    )


class SgdSection(_OptimiserSettings):
    """Gradient descent, with or without momentum."""

    kind: Literal["sgd"]
    momentum: Share = Sgd.momentum
    """Share of the previous direction that is added to the gradient in each update, in [0, 1); 0
    (default) means plain gradient descent."""


class AdamSection(_OptimiserSettings):
    """Adam: an update changes every entry of a map by about the learning rate."""

    kind: Literal["adam"]
    beta1: Share = Adam.beta1
    """Weight of the old value in the running mean of the gradient, in [0, 1)."""
    beta2: Share = Adam.beta2
    """Weight of the old value in the running mean of the squared gradient, in [0, 1)."""
    epsilon: PositiveFloat = Adam.epsilon
    """Number added to the root of the mean of the squared gradient, so that no update divides by 0;
    positive."""


class KronSection(_OptimiserSettings):
    """A natural gradient: the gradient preconditioned by second moments of stalk and tension."""

    kind: Literal["kron"]
    damping: PositiveFloat = Kron.damping
    """Damping of the preconditioner, divided between the two second moments; positive."""
    momentum: Share = Kron.momentum
    """Weight of the old value in the moving average of the preconditioned gradient, in [0, 1)."""
    clip: PositiveFloat | None = Kron.clip
    """Largest norm of an update of a map, not counting the weight decay; positive. It is a multiple
    of the norm of [W b], the weights W with the biases b as a last column. A norm of [W b] below
    0.1 counts as 0.1. null means no bound."""


OptimiserSection: TypeAlias = Annotated[
    SgdSection | AdamSection | KronSection, Field(discriminator="kind")
]


class TrainingSection(Section):
    """The optimiser of every map, and the length of the training."""

    optimiser: OptimiserSection | None = Field(
        default=None,
        description="Optimiser of every map. It may be left out only under the rule ``joint`` "
        "with beta and dt; the maps are then changed by Euler steps.",
    )
    rounds: PositiveInt | None = None
    """Length of the training in rounds, at least 1. A training step takes one round under
    ``nudged`` and ``joint``, and ``sweeps`` rounds under ``relax``. Exactly one of ``rounds`` and
    ``epochs`` must be given."""
    epochs: PositiveFloat | None = None
    """Length of the training in passes over all samples, positive. Exactly one of ``rounds`` and
    ``epochs`` must be given."""
    max_time: PositiveFloat | None = Field(
        default=None,
        description="Time after which training stops, positive: virtual time on the simulator, "
        "rounds in lockstep, seconds on a cluster. By default there is no limit.",
    )
    batch_size: PositiveInt | None = Field(
        default=None,
        description="Number of samples in a training step, at least 1. By default, and always "
        "under the rule ``joint``, a training step takes all samples.",
    )
    batches_in_flight: PositiveInt = Field(
        default=1,
        description="Number of batches that the layers work on at the same time, at least 1. With "
        "F such batches, a gradient is computed with maps that are up to F − 1 training steps old.",
    )
    every: PositiveInt | None = Field(
        default=None,
        description="Number of training steps from one evaluation to the next, at least 1. By "
        "default the steps of an epoch. If an epoch is one step or the whole training, the default "
        "is a tenth of the training.",
    )
    patience: PositiveInt | None = Field(
        default=None,
        description="Number of successive evaluations without a lower loss after which training "
        "stops, at least 1. The result is then the network with the lowest loss. By default "
        "training does not stop early.",
    )
    label_smoothing: Share = 0.0
    """Share of each one-hot target that is spread evenly over all classes, in [0, 1)."""
    test: TestSection | None = Field(
        default=None,
        description="Test samples, on which each evaluation measures the network as well. Data of "
        "kind ``task`` have test samples of their own. Other data have none by default.",
    )

    @model_validator(mode="after")
    def _one_length(self) -> TrainingSection:
        if (self.rounds is None) == (self.epochs is None):
            raise ValueError("give either rounds or epochs")
        return self
