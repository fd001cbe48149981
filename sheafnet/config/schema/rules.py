"""The sections of a configuration about rules: rules that relax and rules that learn."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt, model_validator

from sheafnet.config.schema.section import Section, as_section
from sheafnet.dynamics.rules.active_set import ActiveSet
from sheafnet.dynamics.rules.prox import Branch, Prox


class ProxRule(Section):
    """x ← the exact minimiser of the energy of the edges at a vertex, its neighbours fixed."""

    kind: Literal["prox"]
    branch: Branch = Prox.branch
    """Minimum that a gated stalk takes where there are two: the ``lowest``, or, with ``keep``, the
    one in whose basin it is."""
    damping: Annotated[float, Field(gt=0.0, le=1.0)] | None = Field(
        default=None,
        description="Share of the exact step that a vertex takes, in (0, 1]. By default 1 where "
        "the graph has two colours and the pins determine all other stalks, and 0.9 "
        "elsewhere.",
    )


class SorRule(Section):
    """x ← x + ω (prox − x), over-relaxed ``prox`` steps; neighbours take turns."""

    kind: Literal["sor"]
    omega: Annotated[float, Field(gt=0.0, lt=2.0)] | None = Field(
        default=None,
        description="Relaxation factor ω, in (0, 2). By default each vertex estimates its own "
        "while it runs.",
    )


class HeatRule(Section):
    """x ← x − η ∇E, the heat flow in explicit Euler steps."""

    kind: Literal["heat"]
    dt: PositiveFloat | None = None
    """Step η of all vertices, positive. By default each vertex takes 0.99/d, where d is its own
    bound of the curvature of its energy."""


class CoboundaryRule(Section):
    """x_head ← F_tail x_tail, the forward pass as message passing; only the input may be pinned."""

    kind: Literal["coboundary"]


class ActiveSetRule(Section):
    """Block elimination along the path, once for each pattern of active and inactive units."""

    kind: Literal["active-set"]
    prox_sweeps: PositiveInt = ActiveSet.prox_sweeps
    """Sweeps of ``prox`` steps down and up the path after a solve that was rejected; at least 1."""


class NudgedRule(Section):
    """Training by tensions, edge vectors that move from head to tail and give the gradient."""

    kind: Literal["nudged"]


class RelaxRule(Section):
    """Training by the discord that remains on each edge under a soft pin at the output."""

    kind: Literal["relax"]
    strength: PositiveFloat = Field(
        default=0.1,
        description="Strength γ of the soft pin, a factor of the loss of each sample; positive, "
        "and above 1e-2 in float32.",
    )
    sweeps: PositiveInt = 1
    """Number of sweeps of the stalks along the path before the maps learn; at least 1."""
    stalks: Literal["prox", "heat", "sor"] = "prox"
    """Rule by which the stalks move, with its default settings; ``prox`` here keeps its branch."""


class JointRule(Section):
    """Training in which stalks and maps move at once, the flow of Bosca & Ghrist 2026."""

    kind: Literal["joint"]
    alpha: PositiveFloat = 1.0
    """Rate α of the stalks, positive. It has no effect where ``stalks`` is given."""
    beta: PositiveFloat | None = None
    """Rate β of the maps, positive; the paper takes 1 over the number of samples. It has no effect
    where ``training.optimiser`` is given, and is required elsewhere."""
    dt: PositiveFloat | None = None
    """Euler step in time, positive. It is required unless both ``stalks`` and
    ``training.optimiser`` are given."""
    stalks: Literal["prox", "heat"] | None = Field(
        default=None,
        description="Rule by which the stalks move, with its default settings; ``prox`` here "
        "keeps its branch. By default they take Euler steps of alpha · dt.",
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
"""Sections of the rules that change maps; they are for the job ``train`` alone."""
