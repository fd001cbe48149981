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
"""Damping where the exact steps of neighbours may swap their errors without end."""

ROUNDING = 1000.0
"""Largest share of the force that rounding leaves after an exact step, in machine epsilons."""


@dataclass(frozen=True)
class Prox(Rule):
    """A rule by which each vertex moves to the minimiser of the energy around it.

    The energy around a vertex is that of its own edges and pins, with the neighbours' projections
    kept fixed. Where the maps allow no formula for the minimiser, the vertex takes a step that
    lowers this energy.

    Parameters
    ----------
    branch
        The minimum that a gated coordinate takes where there are two: ``"lowest"`` (default) takes
        the lower one, ``"keep"`` the one in whose basin the coordinate lies, as the heat flow does.
    damping
        Share of the way to the minimiser that a step goes, in (0, 1]. None (default) takes 1 if the
        graph has two colours and the wholly held vertices determine all others, and 0.9 otherwise:
        there, neighbours that step at the same time may swap their errors without end.

    Raises
    ------
    RuleError
        If there is no such branch, or ``damping`` is not in (0, 1].
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
    """The proximal steps of one vertex, ready once every projection has been received.

    Attributes
    ----------
    proximal
        Method that computes the minimiser.
    damping
        Share of the way to the minimiser that a step goes, in (0, 1].
    rounding
        Share of the force that may be left by rounding after an exact step.
    """

    proximal: Proximal
    damping: float
    rounding: float

    def ready(self, star: Star, inbox: Inbox) -> bool:
        return star.received_all(inbox)

    def step(self, star: Star, inbox: Inbox) -> Step:
        """Return the step towards the minimiser, or no move if no force exceeds the threshold."""
        force = star.stationarity(inbox)
        if force <= star.send_threshold:
            return Step(None)
        target = self.proximal.minimiser(star, inbox)
        if self.damping == 1.0:
            # After a large force, the error that rounding leaves may exceed the threshold.
            settled = self.rounding * force <= star.send_threshold
            return Step(target, final=self.proximal.exact and settled)
        return Step(star.stalk + relaxed(star, target, self.damping))
