"""Coboundary, the rule that computes the forward pass by messages."""

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

    The coboundary δ maps the stalks to the head's projection minus the tail's on every edge. The
    rule iterates on δ; gradient descent iterates on δᵀδ. If only the input is pinned, δ on the free
    coordinates is unit lower triangular. Therefore the iteration is nilpotent: on a path it ends in
    as many lockstep rounds as there are free vertices. The result is the forward pass.

    A vertex does not use the messages from the heads of its edges. Therefore ``sn.infer`` raises
    ``RuleError`` unless the whole stalk of every input is held by a hard pin, no other vertex is
    pinned, and every other vertex is the head of exactly one edge, where its map is the identity.
    The rule has no parameters.
    """

    is_exact = True
    may_withhold = False
    growth_limit = math.inf  # the energy may rise, and forces may be as large as the stalks
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
    """The program of one free vertex: the stalk becomes the latest projection of the tail.

    The tail is that of the only edge whose head is this vertex.

    Attributes
    ----------
    incoming
        Key of the messages with the tail's projection.
    """

    incoming: Key

    def ready(self, star: Star, inbox: Inbox) -> bool:
        return star.received_all(inbox)

    def step(self, star: Star, inbox: Inbox) -> Step:
        """Return the tail's projection as new stalk; ``Step(None)`` if it is the present stalk."""
        latest = inbox[self.incoming]
        return Step(None if np.array_equal(latest, star.stalk) else latest)
