"""The table of what each vertex of a path does in a sweep, and the base classes of the programs.

The path is input – z – a – z – … – a – output. A *z* (preactivation) is the tail of a gate, an *a*
(activation) is the tail of an affine map. The *output* is held or free. The input is held and has
no program here. DOWN n is a message towards the input, UP n a message towards the output; n is the
number of its sweep. Each vertex keeps the number of the last sweep that it handled, called *own*;
the vertex is *new* while own is 0. It handles a message with number n only if n > own. "Steps"
below means: each sample makes a proximal step, to the minimum of the energy of the vertex's own
edges. "Decides" means: the output chooses the next plan of every sample, as the module ``sweep``
describes. A *candidate* is a possible new stalk. The *plan* of a sample says whether it is to be
solved, to make proximal steps, or to hold its stalks. In the last case the sample is *settled*.
"Eliminates" means: computes the quadratic of its message down from the quadratic that it has
received, as the module ``blocks`` describes.

    vertex    receives                     action                                 sends
    output    new: nothing                 begins, every sample to be solved      DOWN 1
    output    new: UP n                    orders steps for every sample          DOWN n + 3
    output    UP n, not all settled        decides                                DOWN n + 1
    output    UP n, all settled            decides                                nothing
    output    UP n of a sweep that it      orders steps for every sample          DOWN n + 1
              did not begin
    a, z      DOWN n                       each sample takes a candidate, steps   DOWN n
                                           or holds; then eliminates
    a, z      new: DOWN n > 1              orders steps for every sample          DOWN n + 2
    a, z      UP n, not new                each sample: stores candidates,        UP n
                                           steps or holds
    first z   DOWN n                       as for DOWN, then as for UP            UP n + 1
    first z   new: DOWN n > 1              orders steps for every sample          UP n + 3
    first z   a new value of the input     orders steps for every sample          UP own + 2

One sweep is under way at a time. When the output sends nothing, no vertex sends anything. A
message replaces the message before it on its edge, so repetition and loss do no harm and queues do
not grow. A message is complete in itself: a vertex can handle it before the projections arrive.

A vertex that is new while others are not new has been restarted. Its stalk is at the start value of
the run, and the message of a sweep may have been lost with it. Therefore it takes the latest
message from above, DOWN n, and sends it down with the number n + 2. The vertices below have handled
n, or have answered n with n + 1. So the number n + 2 is higher than any that they have handled, or
a message with a still higher number is on its way up from them. For a while two sweeps may be under
way; where they meet, the sweep with the lower number ends. A sweep after a restart orders proximal
steps, because these are valid from any stalks. The output decides by energies and forces only after
a sweep that began at the output itself.
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
        Number of proximal rounds after a solve that did not lower the energy; at least 1. In a
        proximal round each stalk moves to the minimum of the energy of its own edges.

    Attributes
    ----------
    number
        Number of the last sweep that the vertex handled; 0 before the first.
    solves
        Largest number of solves of any sample so far, as the last sweep down reported it.
    """

    def __init__(self, below: Port, rounds: int) -> None:
        self.number = self.solves = 0
        self._below = below
        self._rounds = float(rounds)

    def ready(self, star: Star, inbox: Inbox) -> bool:
        return star.received_all(inbox) and self._has_news(inbox)

    @abc.abstractmethod
    def _has_news(self, inbox: Inbox) -> bool:
        """Return whether a new message or a new value of the input has not been handled yet."""


class InnerProgram(PathProgram):
    """Base of the programs of the inner vertices, z and a.

    A subclass defines ``_down`` and ``_up``. They return the step for a message towards the input
    and for a message towards the output.

    Parameters
    ----------
    above, below
        Ports at the edges towards the output and towards the input.
    rounds
        Number of proximal rounds after a solve that did not lower the energy; at least 1. In a
        proximal round each stalk moves to the minimum of the energy of its own edges.
    """

    def __init__(self, above: Port, below: Port, rounds: int) -> None:
        super().__init__(below, rounds)
        self._above = above
        # Number of the sweep up in which the present candidates were computed.
        self._candidates_of = 0

    def step(self, star: Star, inbox: Inbox) -> Step:
        step = self._handle(star, inbox)
        # If both neighbours have sent messages, one message is still unhandled. A vertex steps
        # again after it has returned a stalk, even an equal one.
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
        """Return the message from above, its state and number changed as the module's table says.

        A candidate is a possible new stalk. A sample can take one only if this vertex computed its
        candidates in the sweep up just before this sweep down. Otherwise the returned state says
        that no sample takes a candidate.
        """
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
