"""The program of a preactivation, the tail of a gate, in the elimination along a path.

Up and above mean towards the output, down and below mean towards the input. The stalk of the vertex
is z. From the affine map below, whose tail has the stalk a', it receives the projection
c = W a' + b. The stalk at the head of the gate is a. Candidates (possible new stalks) and plans are
explained in ``sheafnet.dynamics.elimination.sweep``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sheafnet.core.arrays import Array
from sheafnet.core.incidence import Incidence
from sheafnet.dynamics.elimination.blocks import Gate, Value, half_square, pattern
from sheafnet.dynamics.elimination.port import Port
from sheafnet.dynamics.elimination.program import InnerProgram, moved
from sheafnet.dynamics.elimination.sweep import (
    CANDIDATES,
    ROUNDING,
    SHARES,
    SOLVE,
    SampleState,
    SweepMessage,
    chosen,
    grain_of,
)
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.program import Step
from sheafnet.dynamics.star import Star


class PreactivationProgram(InnerProgram):
    """The program of a vertex with stalk z, between an affine map below and a gate above.

    The projection that it receives from below is called c; the stalk of the vertex above is a.

    Parameters
    ----------
    star
        Star of the vertex.
    below, above
        The vertex's incidences with the edge of the affine map and with the edge of the gate.
    rounds
        Number of proximal rounds after a solve that did not lower the energy; at least 1. In a
        proximal round each stalk moves to the minimum of the energy of its own edges.
    """

    def __init__(self, star: Star, below: Incidence, above: Incidence, rounds: int) -> None:
        super().__init__(
            Port(star, above, vectors=3, curvature=True),
            Port(star, below, vectors=1 + CANDIDATES),
            rounds,
        )
        self._gate = above.map
        self._weight = np.ones((len(star.stalk), 1), star.stalk.dtype)
        self._is_first = below.neighbour in star.constraint.held_neighbours
        self._candidates = np.repeat(star.stalk[None], CANDIDATES, axis=0)
        # Latest c (None before the first message) and a of the neighbours, and the rounding error
        # of c in each sample.
        self._c: Array | None = None
        self._a: Array = star.stalk
        self._c_grain: Array = np.zeros(star.stalk.shape[1])
        self._units: Gate | None = None

    def _has_news(self, inbox: Inbox) -> bool:
        return self._input_is_news(inbox) or super()._has_news(inbox)

    def _handle(self, star: Star, inbox: Inbox) -> Step:
        if not self._input_is_news(inbox):
            return super()._handle(star, inbox)
        self.number += 2
        state = SampleState.blank(self._below.batch).planned(self._rounds)
        return self._answer(star, inbox, SweepMessage(self.number, 0, state), star.stalk)

    def _input_is_news(self, inbox: Inbox) -> bool:
        """Return whether the input has another value than in the last sweep.

        Only the first z of the path, whose neighbour below is the input, can return True.
        """
        if not self._is_first or self._c is None:
            return False
        c = self._below.projection(inbox)
        return c is not self._c and not np.array_equal(c, self._c)

    def _down(self, star: Star, inbox: Inbox, message: SweepMessage) -> Step:
        """Return the step of a sweep down: the new stalk, and the message to the vertex below.

        A sample that takes a candidate first replaces its column of c by a candidate for c (a
        possible new c, stored in the preceding sweep up). The stalk z then becomes the exact
        minimiser of the energy of the two edges of the vertex, and its signs give the new pattern.
        The message carries z and the value of the edge over which c arrives, as a quadratic in the
        change of c. The value is the least energy of the edge and of all edges nearer to the
        output. The first z sends no message down; it begins the sweep up.
        """
        state = message.state
        assert message.curvature is not None
        if self._c is None or self._is_first:
            self._c = self._below.projection(inbox)
        else:
            self._c = chosen(state, self._candidates, self._c)
        c, (a, pull, push) = self._c, message.vectors
        self._a = a = a.astype(c.dtype)
        z = self._best(c, a, star.stalk)
        gap = a - self._gate.apply(z)
        force = pull + gap
        self._units = Gate(z, Value(message.curvature, push + force))
        grain = self._c_grain + grain_of(c) + grain_of(a)
        largest = np.abs(force).max(axis=0)
        state = replace(
            state,
            before=state.before + half_square(c - z) + half_square(gap),
            blur=state.blur + grain * (np.abs(c - z) + np.abs(gap)).sum(axis=0),
            scale=np.maximum(state.scale, np.maximum(grain_of(c), grain_of(a))),
            force=np.maximum(state.force, largest),
            excess=np.maximum(state.excess, largest - ROUNDING * (state.grain + grain)),
            grain=grain,
        )
        if self._is_first:
            self.number += 1
            return self._answer(star, inbox, replace(message, number=self.number, state=state), z)
        below = self._units.below
        vectors = np.stack([z, below.slope])
        sent = replace(message, state=state, vectors=vectors, curvature=below.curvature)
        return Step(moved(star, z), (self._below.outgoing(sent),))

    def _answer(self, star: Star, inbox: Inbox, message: SweepMessage, z: Array) -> Step:
        """Return the step of the first z that begins a sweep up.

        The input is held, so every candidate (possible new value) for c equals c.
        """
        self._candidates_of = self.number
        self._c = c = self._below.projection(inbox)
        return self._go_up(
            star, replace(message, vectors=np.repeat(c[None], 1 + CANDIDATES, axis=0)), z
        )

    def _up(self, star: Star, message: SweepMessage) -> Step:
        self._c = message.vectors[0].astype(star.stalk.dtype)
        self._c_grain = message.state.grain
        return self._go_up(star, message, star.stalk)

    def _go_up(self, star: Star, message: SweepMessage, z: Array) -> Step:
        """Return the step of a sweep up: the new stalk, and the message to the vertex above.

        A candidate is a possible new value. For each candidate for c, the vertex computes the
        candidate for a, and the z for which the energy of its two edges is lowest with these c and
        a. If the plan of a sample is a number of proximal rounds, the sample takes the z for which
        this energy is lowest with its present c and a. Any other sample keeps its column of ``z``.
        The message carries R(z) z of the new stalk, the candidates for a, and for each candidate
        R(z) z of the z computed for it.
        """
        state, a = message.state, self._a
        self._candidates = message.vectors[1:].astype(z.dtype)
        targets = np.repeat(a[None], CANDIDATES, axis=0)
        if self._units is not None:
            change = self._units.change(self._candidates - message.vectors[0], SHARES)
            targets = np.where(state.plan == SOLVE, a + change, targets).astype(z.dtype)
        best = self._best(self._candidates, targets, z)
        stalk = np.where(state.plan > 0.0, best[0], z)
        same = (pattern(best[0]) == pattern(z)).all(axis=0)
        after = state.after + half_square(self._candidates - best)
        state = replace(state, same=state.same * same, after=after)
        vectors = np.concatenate([self._gate.apply(stalk)[None], targets, self._gate.apply(best)])
        sent = replace(message, state=state, vectors=vectors, curvature=None)
        return Step(moved(star, stalk), (self._above.outgoing(sent),))

    def _best(self, c: Array, a: Array, z: Array) -> Array:
        """Return the z that minimises ½‖z − c‖² + ½‖R(z) z − a‖².

        Where a unit has two local minima, it takes the lower one. ``z`` is the present stalk.
        """
        return self._gate.prox(self._weight, c, a, z, keep=False)
