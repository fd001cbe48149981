"""The sections of a configuration about rules: rules for stalks, and rules that change maps."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt, model_validator

from sheafnet.config.schema.section import Section, as_section
from sheafnet.dynamics.rules.active_set import ActiveSet
from sheafnet.dynamics.rules.prox import Branch, Prox


class ProxRule(Section):
    """Section of the configuration for the rule ``prox``.

    Each vertex moves to the minimiser of the energy of its own edges and pins, while the
    projections of its neighbours are kept fixed.
    """

    kind: Literal["prox"]
    branch: Branch = Prox.branch
    """Choice where the energy has two local minima in a coordinate with a ReLU gate. ``lowest``
    (default) takes the minimum of lower energy. ``keep`` takes the minimum that the heat flow would
    reach from the present value."""
    damping: Annotated[float, Field(gt=0.0, le=1.0)] | None = Field(
        default=None,
        description="Share of the way to the minimiser that a vertex moves in a step, in (0, 1]. "
        "By default 1 if the graph has two colours and the pinned stalks determine all other "
        "stalks, and 0.9 otherwise.",
    )


class SorRule(Section):
    """Section of the configuration for the rule ``sor``: x ← x + ω (x* − x) for each stalk x.

    Here x* is the minimiser that the rule ``prox`` computes at the vertex. Neighbours take turns.
    """

    kind: Literal["sor"]
    omega: Annotated[float, Field(gt=0.0, lt=2.0)] | None = Field(
        default=None,
        description="Relaxation factor ω, in (0, 2). By default each vertex estimates its own "
        "while it runs.",
    )


class HeatRule(Section):
    """Section of the configuration for the rule ``heat``.

    Each vertex makes explicit Euler steps of the heat flow: x ← x − η ∇E for each stalk x and the
    energy E.
    """

    kind: Literal["heat"]
    dt: PositiveFloat | None = None
    """Step size η of all vertices, positive. By default each vertex takes 0.99/d, where d is an
    upper bound on the curvature of the energy of its own edges and pins."""


class CoboundaryRule(Section):
    """Section of the configuration for the rule ``coboundary``, which computes the forward pass.

    The head of each edge takes the value of the map at the tail. Only the input may be pinned.
    """

    kind: Literal["coboundary"]


class ActiveSetRule(Section):
    """Section of the configuration for the rule ``active-set``: direct solves along a path.

    Each solve is for one choice of the active units. The solves end when a solution has exactly the
    chosen units active.
    """

    kind: Literal["active-set"]
    prox_sweeps: PositiveInt = ActiveSet.prox_sweeps
    """Number of sweeps of ``prox`` steps, from the output to the input and back, after a solve that
    did not lower the energy; at least 1."""


class NudgedRule(Section):
    """Section of the configuration for the rule ``nudged`` for training.

    Each map is updated from the tension of its edge, a derivative of the loss.
    """

    kind: Literal["nudged"]


class RelaxRule(Section):
    """Section of the configuration for the rule ``relax`` for training.

    Each map is updated from the residual of its edge, while a soft pin pulls the output.
    """

    kind: Literal["relax"]
    strength: PositiveFloat = Field(
        default=0.1,
        description="Strength γ of the soft pin: γ times the loss of each sample is added to the "
        "energy. Positive; in float32 it should exceed 1e-2.",
    )
    sweeps: PositiveInt = 1
    """Number of sweeps (passes of messages along the path) that move the stalks before the maps are
    updated; at least 1."""
    stalks: Literal["prox", "heat", "sor"] = "prox"
    """Rule that changes the stalks, with its default settings; ``prox`` has ``branch: keep``
    here."""


class JointRule(Section):
    """Section of the configuration for the rule ``joint`` for training.

    Stalks and maps are updated in the same step (flow of Bosca & Ghrist 2026).
    """

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
