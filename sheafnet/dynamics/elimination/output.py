"""The program of the output, which judges the sweeps of the elimination along a path."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sheafnet.core.incidence import Incidence
from sheafnet.dynamics.elimination.blocks import free_end, half_square, held_end
from sheafnet.dynamics.elimination.port import Port
from sheafnet.dynamics.elimination.program import PathProgram, moved
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


class OutputProgram(PathProgram):
    """The program of the output: it begins each sweep, judges it, and ends the sequence.

    Parameters
    ----------
    star
        Star of the vertex; its stalk is wholly held or free.
    below
        The vertex's incidence with its only edge.
    rounds
        Number of proximal rounds after a solve that did not lower the energy; at least 1.
    """

    def __init__(self, star: Star, below: Incidence, rounds: int) -> None:
        super().__init__(Port(star, below, vectors=1 + CANDIDATES), rounds)
        self._precision = float(np.finfo(star.stalk.dtype).eps)

    def _has_news(self, inbox: Inbox) -> bool:
        return not self.number or self._below.number(inbox) > self.number

    def step(self, star: Star, inbox: Inbox) -> Step:
        latest = self._below.number(inbox)
        if not latest:
            number, state = 1, SampleState.blank(self._below.batch).planned(SOLVE)
            c, c_grain = self._below.projection(inbox), state.grain
        else:
            message = self._below.latest(inbox)
            number = latest + 1 if self.number else latest + 3
            state = self._judged(star, message)
            c = chosen(state, message.vectors[1:], message.vectors[0]).astype(star.stalk.dtype)
            c_grain = message.state.grain
        z = star.stalk if star.pinned else c
        if state.settled:
            self.number = latest
            return Step(moved(star, z))
        self.number, self.solves = number, int(state.solves.max())
        state = replace(
            state,
            before=half_square(c - z),
            blur=(c_grain + grain_of(c)) * np.abs(c - z).sum(axis=0),
            scale=np.maximum(grain_of(c), grain_of(z)),
        )
        end = (held_end if star.pinned else free_end)(self._below.dim, self._below.batch)
        sent = SweepMessage(number, number, state, np.stack([z, end.slope]), end.curvature)
        return Step(moved(star, z), (self._below.outgoing(sent),))

    def _judged(self, star: Star, message: SweepMessage) -> SampleState:
        """Return the next state: judged, or proximal steps if this sweep did not begin here."""
        if message.origin != self.number:
            return message.state.planned(self._rounds)
        state = message.state
        if star.pinned:  # A free output makes the energy of the last edge 0.
            state = replace(
                state, after=state.after + half_square(message.vectors[1:] - star.stalk)
            )
        return state.judged(self._rounds, self._precision)
