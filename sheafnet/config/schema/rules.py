"""The sections of a configuration about rules: those that relax, and those that learn."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt, model_validator

from sheafnet.config.schema.section import Section, as_section
from sheafnet.dynamics.rules.active_set import ActiveSet
from sheafnet.dynamics.rules.prox import Branch, Prox


class ProxRule(Section):
    """x ← the minimiser of the energy around the vertex."""

    kind: Literal["prox"]
    branch: Branch = Prox.branch
    damping: Annotated[float, Field(gt=0.0, le=1.0)] | None = Field(
        default=None, description="share of the way; by default 1, or 0.9 where it is needed"
    )


class SorRule(Section):
    """x ← x + ω (prox − x), by vertices that take turns."""

    kind: Literal["sor"]
    omega: Annotated[float, Field(gt=0.0, lt=2.0)] | None = Field(
        default=None, description="by default each vertex finds its own"
    )


class HeatRule(Section):
    """x ← x − η ∇E: step 0.99/d at every vertex, or one dt for all."""

    kind: Literal["heat"]
    dt: PositiveFloat | None = None


class CoboundaryRule(Section):
    """x_head ← F_tail x_tail: the forward pass as message passing."""

    kind: Literal["coboundary"]


class ActiveSetRule(Section):
    """Block elimination along the path for one pattern of the units after the other."""

    kind: Literal["active-set"]
    prox_sweeps: PositiveInt = ActiveSet.prox_sweeps


class NudgedRule(Section):
    """Tensions move from heads to tails: the gradient, without a backward pass."""

    kind: Literal["nudged"]


class RelaxRule(Section):
    """Stalks give way to a pull at the output, and maps to the discord that this leaves."""

    kind: Literal["relax"]
    strength: PositiveFloat = Field(default=0.1, description="γ, times the loss of a sample")
    sweeps: PositiveInt = 1
    stalks: Literal["prox", "heat", "sor"] = "prox"


class JointRule(Section):
    """Stalks and maps move together, the paper's flow."""

    kind: Literal["joint"]
    alpha: PositiveFloat = 1.0
    beta: PositiveFloat | None = None
    dt: PositiveFloat | None = None
    stalks: Literal["prox", "heat"] | None = Field(
        default=None, description="rule by which stalks move instead of steps of alpha dt"
    )

    @model_validator(mode="after")
    def _moves(self) -> JointRule:
        if self.dt is None and self.stalks is None:
            raise ValueError("give dt or stalks: how do the stalks move?")
        return self


RuleSection: TypeAlias = Annotated[
    ProxRule
    | SorRule
    | HeatRule
    | CoboundaryRule
    | ActiveSetRule
    | NudgedRule
    | RelaxRule
    | JointRule,
    Field(discriminator="kind"),
    BeforeValidator(as_section),
]

LEARNING = (NudgedRule, RelaxRule, JointRule)
