"""The sections of a configuration about training: optimisers, learning rules, length."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from sheafnet.config.schema.data import TestSection
from sheafnet.config.schema.section import Section
from sheafnet.dynamics.optimisers import Adam, Kron, Optimiser, Schedule, Sgd

Share: TypeAlias = Annotated[float, Field(ge=0.0, lt=1.0)]


class _OptimiserSettings(Section):
    rate: PositiveFloat
    schedule: Schedule = Optimiser.schedule
    warmup: Annotated[int, Field(ge=0)] = Optimiser.warmup
    weight_decay: NonNegativeFloat = Optimiser.weight_decay
    clip: PositiveFloat | None = Field(
        default=None, description="longest step, as a share of the norm of the map"
    )


class SgdSection(_OptimiserSettings):
    """Gradient descent, with momentum if wanted."""

    kind: Literal["sgd"]
    momentum: Share = Sgd.momentum


class AdamSection(_OptimiserSettings):
    """Steps of about the rate in every number."""

    kind: Literal["adam"]
    beta1: Share = Adam.beta1
    beta2: Share = Adam.beta2
    epsilon: PositiveFloat = Adam.epsilon


class KronSection(_OptimiserSettings):
    """A natural gradient from the second moments of the stalk and the tension of the edge."""

    kind: Literal["kron"]
    damping: PositiveFloat = Kron.damping
    momentum: Share = Kron.momentum
    clip: PositiveFloat | None = Kron.clip


OptimiserSection: TypeAlias = Annotated[
    SgdSection | AdamSection | KronSection, Field(discriminator="kind")
]


class TrainingSection(Section):
    """How long and with what every map learns."""

    optimiser: OptimiserSection | None = Field(
        default=None, description="not needed for joint with beta and dt"
    )
    rounds: PositiveInt | None = None
    epochs: PositiveFloat | None = None
    max_time: PositiveFloat | None = Field(
        default=None, description="virtual time, or seconds on a cluster"
    )
    batch_size: PositiveInt | None = Field(default=None, description="by default all samples")
    batches_in_flight: PositiveInt = Field(
        default=1,
        description="batches in flight; with F of them maps are up to F − 1 steps old",
    )
    every: PositiveInt | None = Field(
        default=None,
        description="steps between evaluations; by default an epoch, or a tenth of the whole",
    )
    patience: PositiveInt | None = Field(
        default=None, description="stop after so many evaluations without a better loss"
    )
    label_smoothing: Share = 0.0
    test: TestSection | None = Field(default=None, description="samples that are evaluated as well")

    @model_validator(mode="after")
    def _one_length(self) -> TrainingSection:
        if (self.rounds is None) == (self.epochs is None):
            raise ValueError("give either rounds or epochs")
        return self
