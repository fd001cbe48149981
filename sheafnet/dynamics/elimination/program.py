"""The table of what each vertex of a path does in a sweep, and the base classes of the programs.

The path is input – z – a – z – … – a – output. A *z* (preactivation) is the tail of a gate, an *a*
(activation) is the tail of an affine map. The *output* is held or free. The input is held and has
no program here. Each vertex keeps the number of the last sweep that it handled, called *own*; the
vertex is *new* while own is 0. A message with number n is handled only if n > own. "Steps" below
means: each sample makes a proximal step, to the minimum of the energy of the vertex's own edges.

    vertex    receives                     action                                 sends
    output    new: nothing                 begins, every sample to be solved      DOWN 1
    output    new: UP n                    orders steps for every sample          DOWN n + 3
    output    UP n, not all settled        judges every sample                    DOWN n + 1
    output    UP n, all settled            judges every sample                    nothing
    output    UP n of a sweep that it      orders steps for every sample          DOWN n + 1
              did not begin
    a, z      DOWN n                       takes or drops candidates or steps,    DOWN n
                                           then eliminates
    a, z      new: DOWN n > 1              orders steps for every sample          DOWN n + 2
    a, z      UP n, not new                stores candidates or steps             UP n
    first z   DOWN n                       as for DOWN, then as for UP            UP n + 1
    first z   new: DOWN n > 1              orders steps for every sample          UP n + 3
    first z   a new value of the input     orders steps for every sample          UP own + 2

One sweep is under way at a time. When the output sends nothing, no vertex sends anything. A
message replaces the one before on its edge, so repetition and loss do no harm and queues do not
grow. A message is complete in itself: handling it needs no projection, which may arrive later.

A vertex that is new while others are not has been restarted. Its stalk is at the start value of
the run, and a sweep may have been lost with it. Therefore it sends the latest message from above,
of number n, down again with a number higher than any that the vertices below have handled: those
have handled n, or have answered it with n + 1, or a still higher number is on its way up to them.
For a while two sweeps may be under way; where they meet, the one with the lower number ends. A
sweep after a restart orders proximal steps, which are valid from any stalks. The output judges
only a sweep that began at the output itself.
"""

from __future__ import annotations

import abc
from dataclasses import replace

import numpy as np

from sheafnet.core.arrays import Array
from sheafnet.dynamics.elimination.port import Port
from sheafnet.dynamics.elimination.sweep import SweepMessage
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.program import Program, Step
from sheafnet.dynamics.star import Star


class PathProgram(Program):
    """Base of the programs of the vertices of a path.

    Parameters
    ----------
    below
        Port at the edge towards the input.
    rounds
        Number of proximal rounds after a solve that did not lower the energy; at least 1.

    Attributes
    ----------
    number
        Number of the last sweep that the vertex handled; 0 before the first.
    solves
        Largest number of solves of any sample, as of the last sweep down that passed the vertex.
    """

    def __init__(self, below: Port, rounds: int) -> None:
        self.number = self.solves = 0
        self._below = below
        self._rounds = float(rounds)

    def ready(self, star: Star, inbox: Inbox) -> bool:
        return star.received_all(inbox) and self._has_news(inbox)

    @abc.abstractmethod
    def _has_news(self, inbox: Inbox) -> bool:
        """Return whether a message or an input that the vertex has not handled is there."""


class InnerProgram(PathProgram):
    """Base of the programs of the inner vertices, z and a.

    Parameters
    ----------
    above, below
        Ports at the edges towards the output and towards the input.
    rounds
        Number of proximal rounds after a solve that did not lower the energy; at least 1.
    """

    def __init__(self, above: Port, below: Port, rounds: int) -> None:
        super().__init__(below, rounds)
        self._above = above
        # Number of the sweep up in which the present candidates were computed.
        self._candidates_of = 0

    def step(self, star: Star, inbox: Inbox) -> Step:
        step = self._handle(star, inbox)
        # With messages from both neighbours one is still unhandled. Returning a stalk makes the
        # vertex step again.
        if step.stalk is None and self._has_news(inbox):
            return step._replace(stalk=star.stalk)
        return step

    def _has_news(self, inbox: Inbox) -> bool:
        up = self._below.number(inbox) if self.number else 0
        return max(up, self._above.number(inbox)) > self.number

    def _handle(self, star: Star, inbox: Inbox) -> Step:
        up = self._below.number(inbox) if self.number else 0
        if self._above.number(inbox) > up:
            return self._down(star, inbox, self._coming_down(inbox))
        message = self._below.latest(inbox)
        self.number = self._candidates_of = message.number
        return self._up(star, message)

    def _coming_down(self, inbox: Inbox) -> SweepMessage:
        """Return the message from above, with its state and number changed as the table demands."""
        message = self._above.latest(inbox)
        state = message.state
        restarted = not self.number and message.number > 1
        if restarted:
            state = state.planned(self._rounds)
        elif message.number != self._candidates_of + 1:
            state = replace(state, taken=np.zeros_like(state.taken))
        self.solves = int(state.solves.max())
        self.number = message.number + 2 * restarted
        return replace(message, number=self.number, state=state)

    @abc.abstractmethod
    def _down(self, star: Star, inbox: Inbox, message: SweepMessage) -> Step: ...

    @abc.abstractmethod
    def _up(self, star: Star, message: SweepMessage) -> Step: ...


def moved(star: Star, stalk: Array) -> Array | None:
    """Return ``stalk``, or None if it equals the present stalk of ``star``."""
    return None if np.array_equal(stalk, star.stalk) else stalk
