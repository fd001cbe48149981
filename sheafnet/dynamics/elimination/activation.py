"""The program of an activation, the tail of an affine map, in the elimination along a path.

Up and above mean towards the output, down and below mean towards the input. Candidates (possible
new stalks) and plans are explained in ``sheafnet.dynamics.elimination.sweep``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sheafnet.core.arrays import Array
from sheafnet.core.incidence import Incidence
from sheafnet.core.maps import Affine, Linear
from sheafnet.dynamics.elimination.blocks import Value, half_square
from sheafnet.dynamics.elimination.port import Port
from sheafnet.dynamics.elimination.program import InnerProgram, moved
from sheafnet.dynamics.elimination.sweep import (
    CANDIDATES,
    SOLVE,
    SampleState,
    SweepMessage,
    chosen,
    grain_of,
)
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.program import Step
from sheafnet.dynamics.star import Star


class ActivationProgram(InnerProgram):
    """The program of a vertex with stalk a, between a gate below and an affine map above.

    The gate's edge joins it to the vertex z below, the affine map's edge to the vertex z above.

    Parameters
    ----------
    star
        Star of the vertex.
    below, above
        The vertex's incidences with the edge of the gate and with the edge of the affine map.
    rounds
        Number of proximal rounds after a solve that did not lower the energy; at least 1. In a
        proximal round each stalk moves to the minimum of the energy of its own edges.
    """

    def __init__(self, star: Star, below: Incidence, above: Incidence, rounds: int) -> None:
        super().__init__(
            Port(star, above, vectors=2, curvature=True),
            Port(star, below, vectors=1 + 2 * CANDIDATES),
            rounds,
        )
        assert isinstance(above.map, Linear)
        self._map = above.map
        self._matrix = W = above.map.matrix.astype(np.float64)
        self._inverse = np.linalg.inv(np.eye(W.shape[1]) + W.T @ W)
        self._largest_column = float(np.abs(W).sum(axis=0).max())
        self._largest_row = float(np.abs(W).sum(axis=1).max())
        self._bias = float(np.abs(above.map.bias).max()) if isinstance(above.map, Affine) else 0.0
        self._candidates = np.repeat(star.stalk[None], CANDIDATES, axis=0)
        # Latest values from the neighbours: R(z) z from the vertex below (None before the first
        # message), and z from the vertex above.
        self._gate: Array | None = None
        self._head: Array = star.stalk

    def _down(self, star: Star, inbox: Inbox, message: SweepMessage) -> Step:
        """Return the step of a sweep down: the new stalk, and the message to the vertex below.

        The message from above decides for each sample what becomes of its column of a, the stalk
        of this vertex. The sample takes a candidate (a possible new a, stored in the preceding
        sweep up), or makes a proximal step (to the minimum of the energy of the two edges of this
        vertex), or keeps its column. The message to the vertex below carries three things: the new
        a; the derivative with respect to a of the energy of the affine map's edge; and the value of
        this edge, as a quadratic in the change of a. The value is the least energy of the edge and
        of all edges nearer to the output.
        """
        state = message.state
        assert message.curvature is not None
        self._head, slope = message.vectors
        if self._gate is None:
            self._gate = self._below.projection(inbox)
        a = self._stepped(state, chosen(state, self._candidates, star.stalk))
        pull = self._matrix.T @ (self._applied(a) - self._head)
        above = Value(message.curvature, slope).through(self._matrix)
        rounding = self._grain(a) + grain_of(self._head, a.dtype) + state.grain
        state = replace(state, grain=self._largest_column * rounding)
        vectors = np.stack([a, pull, above.slope])
        sent = replace(message, state=state, vectors=vectors, curvature=above.curvature)
        return Step(moved(star, a), (self._below.outgoing(sent),))

    def _up(self, star: Star, message: SweepMessage) -> Step:
        """Return the step of a sweep up: the new stalk, and the message to the vertex above.

        Here a is the stalk of this vertex. If the plan of a sample is SOLVE, the vertex stores the
        candidates (possible new values) for the sample's column of a. In the next sweep down the
        sample may take one of them. If the plan is a number of proximal rounds, the column moves
        to the minimum of the energy of the two edges of the vertex. Any other column stays as it
        is. The message carries W a + b for the stalk a and for each candidate.
        """
        state = message.state
        self._gate = message.vectors[0]
        targets, gates = message.vectors[1 : 1 + CANDIDATES], message.vectors[1 + CANDIDATES :]
        a = self._stepped(state, star.stalk)
        self._candidates = np.where(state.plan == SOLVE, targets, a).astype(a.dtype)
        after = state.after + half_square(gates - self._candidates)
        state = replace(state, after=after, grain=self._grain(a))
        # A map accepts one array (dim, batch), not a stack of such arrays.
        vectors = np.stack([self._map.apply(x) for x in (a, *self._candidates)])
        sent = replace(message, state=state, vectors=vectors)
        return Step(moved(star, a), (self._above.outgoing(sent),))

    def _stepped(self, state: SampleState, a: Array) -> Array:
        """Return ``a`` after a proximal step of some samples.

        These are the samples whose plan is a number of proximal rounds. The step goes to the
        minimum of the energy of the two edges of the vertex. The columns of all other samples are
        those of ``a``.
        """
        stepping = state.plan > 0.0
        if self._gate is None or not stepping.any():
            return a
        force = a - self._gate + self._matrix.T @ (self._applied(a) - self._head)
        return np.where(stepping, a - self._inverse @ force, a).astype(a.dtype)

    def _applied(self, a: Array) -> Array:
        """Return W a + b in float64."""
        return self._map.apply(a).astype(np.float64)

    def _grain(self, a: Array) -> Array:
        """Return a bound on the rounding error of W a + b in each sample, shape (batch,)."""
        return self._largest_row * grain_of(a) + np.finfo(a.dtype).eps * self._bias
