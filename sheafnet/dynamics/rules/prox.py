"""Each vertex goes to the minimum of its own part of the energy."""

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

ROUNDING = 1000.0
"""In units of the precision: no more than this share of a force is left by an exact step."""


@dataclass(frozen=True)
class Prox(Rule):
    """x ← the exact minimiser of the energy around the vertex, with its neighbours as they are.

    Attributes
    ----------
    branch
        Which of two minima a gated stalk takes: the ``"lowest"``, or the one in whose basin it
        is (``"keep"``), as the heat flow does.
    damping
        Share of the way that a vertex goes, in (0, 1]. None takes all of it where the graph has
        two colours and what is pinned determines the rest, and 0.9 elsewhere: there neighbours
        that step at once may swap their errors for ever.
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
    """The proximal step of one vertex; ready once every projection was received."""

    proximal: Proximal
    damping: float
    rounding: float

    def ready(self, star: Star, inbox: Inbox) -> bool:
        return star.received_all(inbox)

    def step(self, star: Star, inbox: Inbox) -> Step:
        """Return the minimiser, or no move where the force is too small to matter."""
        force = star.stationarity(inbox)
        if force <= star.send_threshold:
            return Step(None)
        target = self.proximal.minimiser(star, inbox)
        if self.damping == 1.0:
            # What rounding leaves of a large force may be worth another step.
            settled = self.rounding * force <= star.send_threshold
            return Step(target, final=self.proximal.exact and settled)
        return Step(star.stalk + relaxed(star, target, self.damping))
