"""The program of the output. It controls the sweeps of the elimination along a path.

A sweep is a chain of messages along the whole path, down to the input or up to the output.
"""

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
    """The program of the output: it begins each sweep down and decides after each sweep up.

    The decision is made for each sample. It has two parts: whether the sample takes one of the
    candidates (possible new stalks), and its next plan (to be solved, to make proximal steps, or to
    keep its stalks). A sample is settled when its next plan is to keep its stalks. When all samples
    are settled, the output begins no further sweep.

    Parameters
    ----------
    star
        Star of the vertex; its stalk is wholly held or wholly free.
    below
        The vertex's incidence with its only edge.
    rounds
        Number of proximal rounds after a solve that did not lower the energy; at least 1. In a
        proximal round each stalk moves to the minimum of the energy of its own edges.
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
        """Return the state of the samples at the beginning of the next sweep.

        The state has the next plan of each sample (to be solved, to make proximal steps, or to keep
        its stalks) and the candidate that the sample takes, if any. If the output began the sweep
        that has ended, both follow from the state in ``message``. Otherwise every sample makes
        proximal steps next, each to the minimum of the energy of a vertex's own edges.
        """
        if message.origin != self.number:
            return message.state.planned(self._rounds)
        state = message.state
        if star.pinned:  # If the output is free, the energy of the last edge is 0.
            state = replace(
                state, after=state.after + half_square(message.vectors[1:] - star.stalk)
            )
        return state.judged(self._rounds, self._precision)
