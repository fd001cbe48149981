"""Prox, the rule of exact local minimisation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from sheafnet.core.forward import determined
from sheafnet.core.sheaf import Sheaf
from sheafnet.core.stalkpins import Pins, wholly_held
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.program import Hold, Program, Step
from sheafnet.dynamics.proximal import Proximal, proximal, relaxed
from sheafnet.dynamics.rule import Rule
from sheafnet.dynamics.star import Star
from sheafnet.errors import RuleError, nearest

Branch = Literal["lowest", "keep"]

DAMPED = 0.9
"""Damping for graphs on which exact steps of neighbours at the same time may not converge."""

ROUNDING = 1000.0
"""Bound on the force that rounding leaves after an exact step.

It is a multiple of the force before the step times the machine epsilon.
"""


@dataclass(frozen=True)
class Prox(Rule):
    """A rule under which each vertex moves to the minimiser of the energy around the vertex.

    The energy around a vertex is the energy of its own edges and pins, as a function of its stalk
    while the neighbours' projections are kept fixed. Where there is no formula for the minimiser,
    the vertex takes a step that lowers this energy.

    Parameters
    ----------
    branch
        Choice of the minimum in a coordinate with a gate that has two local minima. ``"lowest"``
        (default) takes the lower one. ``"keep"`` takes the one that the heat flow would reach from
        the present value of the coordinate.
    damping
        Factor in (0, 1] that multiplies the move to the minimiser. With None (default) the factor
        is 1 if the graph can be coloured with two colours and every vertex can be reached by
        identity maps from the vertices whose whole stalk is held. Otherwise it is 0.9, because
        neighbours that step at the same time may exchange their errors for ever.

    Raises
    ------
    RuleError
        If ``branch`` is neither ``"lowest"`` nor ``"keep"``, or if ``damping`` is not in (0, 1].
    """

    branch: Branch = "lowest"
    damping: float | None = None

    relaxes = True
    may_wait = True
    remedy = "lower damping, say to 0.5"

    def __post_init__(self) -> None:
        if self.branch not in get_args(Branch):
            hint = nearest(str(self.branch), get_args(Branch))
            raise RuleError(f"prox: no branch {self.branch!r}{hint}")
        if self.damping is not None and not 0.0 < self.damping <= 1.0:
            raise RuleError(f"prox: damping is {self.damping}; it must be in (0, 1]")

    def fitted(self, sheaf: Sheaf, pins: Pins) -> Rule:
        if self.damping is not None:
            return self
        two_colours = max(sheaf.graph.colouring().values()) <= 1
        whole = two_colours and determined(sheaf, wholly_held(pins))
        return replace(self, damping=1.0 if whole else DAMPED)

    def start(self, star: Star) -> Program:
        if star.pinned:
            return Hold()
        rounding = ROUNDING * float(np.finfo(star.stalk.dtype).eps)
        chosen = proximal(star, keep=self.branch == "keep")
        return ProxProgram(chosen, self.damping or DAMPED, rounding)


@dataclass(frozen=True)
class ProxProgram(Program):
    """The program of one vertex, ready once a projection has arrived on every incidence.

    Attributes
    ----------
    proximal
        Method that computes the minimiser.
    damping
        Factor in (0, 1] that multiplies the move to the minimiser.
    rounding
        Bound on the force that rounding leaves after an exact step, divided by the force before
        the step.
    """

    proximal: Proximal
    damping: float
    rounding: float

    def ready(self, star: Star, inbox: Inbox) -> bool:
        return star.received_all(inbox)

    def step(self, star: Star, inbox: Inbox) -> Step:
        """Return a step to the minimiser; ``Step(None)`` if no force exceeds the send threshold."""
        force = star.stationarity(inbox)
        if force <= star.send_threshold:
            return Step(None)
        target = self.proximal.minimiser(star, inbox)
        if self.damping == 1.0:
            # If the force is large, the rounding error after the step may exceed the threshold.
            # Then the step is not final.
            settled = self.rounding * force <= star.send_threshold
            return Step(target, final=self.proximal.exact and settled)
        return Step(star.stalk + relaxed(star, target, self.damping))
