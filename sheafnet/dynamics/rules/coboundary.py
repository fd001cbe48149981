"""Coboundary, an iteration on δ instead of δᵀδ: the forward pass as message passing."""

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
    """A rule that copies the tail's projection to the head: x_head ← F_tail x_tail.

    With only the input pinned, δ on the free coordinates is unit lower triangular. So the iteration
    is nilpotent: on a path it ends in as many lockstep rounds as there are free vertices. The
    result is the forward pass. Since no vertex reacts to its heads, ``sn.infer`` raises
    ``RuleError`` unless exactly the inputs are pinned, all of them hard and whole, and every other
    vertex is the head of one edge, by the identity. The rule has no parameters.
    """

    is_exact = True
    may_withhold = False
    growth_limit = math.inf  # the rule does not descend; its forces may be as large as the stalks
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
    """The program of one free vertex, which copies the latest projection of its tail.

    Attributes
    ----------
    incoming
        Key of the tail's projection.
    """

    incoming: Key

    def ready(self, star: Star, inbox: Inbox) -> bool:
        return star.received_all(inbox)

    def step(self, star: Star, inbox: Inbox) -> Step:
        """Return the tail's projection as the new stalk, or no move if the two are equal."""
        latest = inbox[self.incoming]
        return Step(None if np.array_equal(latest, star.stalk) else latest)
