"""Iterating on δ instead of δᵀδ: the forward pass as message passing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sheafnet.core.forward import forward_edges
from sheafnet.core.sheaf import Sheaf
from sheafnet.core.stalkpins import Pins
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.messages import Key
from sheafnet.dynamics.program import Hold, Program, Step
from sheafnet.dynamics.rule import Rule
from sheafnet.dynamics.star import Star
from sheafnet.errors import RuleError, SheafError


@dataclass(frozen=True)
class Coboundary(Rule):
    """x_head ← F_tail x_tail at every vertex.

    With only the input pinned, δ on the free coordinates is unit lower triangular, so the
    iteration is nilpotent: on a path it ends in as many lockstep rounds as there are free
    vertices. It is the forward pass, and nothing pulls backwards, so it is refused wherever
    anything else is pinned.
    """

    is_exact = True
    may_withhold = False
    growth_limit = math.inf  # no descent: the forces grow as far as the forward pass does
    remedy = "check the scale of the weights: the forward pass itself overflows"

    def check(self, sheaf: Sheaf, pins: Pins) -> None:
        try:
            forward_edges(sheaf, pins)
            for vertex, stalk in pins.items():
                if not stalk.whole or stalk.springs:
                    raise SheafError(f"{vertex!r} is pinned softly or in part")
        except SheafError as error:
            raise RuleError(
                "coboundary: the rule carries values forward only, so the pins must be the "
                f"inputs and nothing else; here {error}. Use 'prox' instead"
            ) from None

    def start(self, star: Star) -> Program:
        if star.pinned:
            return Hold()
        incoming = [
            key
            for key, inc in zip(star.latest_keys, star.incidences, strict=True)
            if not inc.is_tail
        ]
        return CoboundaryProgram(incoming[0])


@dataclass(frozen=True)
class CoboundaryProgram(Program):
    """Copies the latest projection of the tail."""

    incoming: Key

    def ready(self, star: Star, inbox: Inbox) -> bool:
        return star.received_all(inbox)

    def step(self, star: Star, inbox: Inbox) -> Step:
        """Return the tail's projection as the new stalk, unless it is the stalk already."""
        latest = inbox[self.incoming]
        return Step(None if np.array_equal(latest, star.stalk) else latest)
