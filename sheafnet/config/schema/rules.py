"""The sections of a configuration about rules: rules for stalks, and rules that change maps."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt, model_validator

from sheafnet.config.schema.section import Section, as_section
from sheafnet.dynamics.rules.active_set import ActiveSet
from sheafnet.dynamics.rules.prox import Branch, Prox


class ProxRule(Section):
    """x ← the minimiser of the energy of the edges at a vertex, while its neighbours are fixed."""

    kind: Literal["prox"]
    branch: Branch = Prox.branch
    """Choice between two local minima, which a coordinate with a ReLU gate can have: ``lowest``
    takes the minimum of lower energy, ``keep`` the minimum on the side where the coordinate is."""
    damping: Annotated[float, Field(gt=0.0, le=1.0)] | None = Field(
        default=None,
        description="Share of the way to the minimiser that a vertex moves in a step, in (0, 1]. "
        "By default 1 if the graph has two colours and the pinned stalks determine all others, "
        "and 0.9 otherwise.",
    )


class SorRule(Section):
    """x ← x + ω (x* − x), where x* is the minimiser that ``prox`` takes; neighbours take turns."""

    kind: Literal["sor"]
    omega: Annotated[float, Field(gt=0.0, lt=2.0)] | None = Field(
        default=None,
        description="Relaxation factor ω, in (0, 2). By default each vertex estimates its own "
        "while it runs.",
    )


class HeatRule(Section):
    """x ← x − η ∇E, where E is the energy: explicit Euler steps of the heat flow."""

    kind: Literal["heat"]
    dt: PositiveFloat | None = None
    """Step size η of all vertices, positive. By default each vertex takes 0.99/d, where d is an
    upper bound on the curvature of the energy of its own edges and pins."""


class CoboundaryRule(Section):
    """x_head ← F x_tail, the forward pass, with the map F; only the input may be pinned."""

    kind: Literal["coboundary"]


class ActiveSetRule(Section):
    """Direct solves along the path, each for one choice of the active units, until it is right."""

    kind: Literal["active-set"]
    prox_sweeps: PositiveInt = ActiveSet.prox_sweeps
    """Number of sweeps of ``prox`` steps along the path and back after a solve that did not lower
    the energy; at least 1."""


class NudgedRule(Section):
    """Training by tensions: derivatives of the loss that each head sends to its tail."""

    kind: Literal["nudged"]


class RelaxRule(Section):
    """Training by the residual that remains on each edge while a soft pin pulls the output."""

    kind: Literal["relax"]
    strength: PositiveFloat = Field(
        default=0.1,
        description="Strength γ of the soft pin: γ times the loss of each sample is added to the "
        "energy. Positive; in float32 it should exceed 1e-2.",
    )
    sweeps: PositiveInt = 1
    """Number of sweeps of stalk steps along the path before the maps are changed; at least 1."""
    stalks: Literal["prox", "heat", "sor"] = "prox"
    """Rule that changes the stalks, with its default settings; ``prox`` has ``branch: keep``
    here."""


class JointRule(Section):
    """Training that changes stalks and maps in the same step, the flow of Bosca & Ghrist 2026."""

    kind: Literal["joint"]
    alpha: PositiveFloat = 1.0
    """Rate α of the stalks, positive. It has no effect if ``stalks`` is given."""
    beta: PositiveFloat | None = None
    """Rate β of the maps, positive; in the paper, 1 over the number of samples. If
    ``training.optimiser`` is given, β has no effect; if not, β is required."""
    dt: PositiveFloat | None = None
    """Time step of the Euler steps, positive. It is required unless both ``stalks`` and
    ``training.optimiser`` are given."""
    stalks: Literal["prox", "heat"] | None = Field(
        default=None,
        description="Rule that changes the stalks, with its default settings; ``prox`` has "
        "``branch: keep`` here. By default the stalks are changed by Euler steps of size alpha · "
        "dt.",
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
"""Sections of the rules that change maps; only the job ``train`` accepts them."""
