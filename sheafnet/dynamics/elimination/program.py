"""The base of the programs of a path that is solved by sweeps, and the table of all of them.

The path is input – z – a – z – … – a – output: a *z*, a preactivation, is the tail of a gate, an
*a*, an activation, that of an affine map, the *output* is held or free, and the input is held and
takes no part. Every vertex keeps the number of the last sweep that it has handled, its *own*, and
is *new* while that is 0. It handles a message only if its number is higher::

    vertex       receives                   does                                  sends
    output       new: nothing               begins                                DOWN 1
    output       new: UP n                  lets every sample step                DOWN n + 3
    output       UP n > own                 judges every sample                   DOWN n + 1
    output       UP n > own                 finds all settled                     nothing
    output       UP n > own, of a sweep     lets every sample step                DOWN n + 1
                 that it did not begin
    a, z         DOWN n > own               takes or drops, steps, eliminates     DOWN n
    a, z         new: DOWN n > 1            lets every sample step                DOWN n + 2
    a, z         UP n > own, not new        puts candidates in place, or steps    UP n
    first z      DOWN n                     the same, and then as on UP           UP n + 1 or n + 3
    first z      another value of the input lets every sample step                UP own + 2

One sweep is under way at a time, and when the output says nothing all is silent. What a vertex
sends replaces what it sent before, so that repetition and loss do no harm and nothing piles up. A
message is complete in itself: it does not lean on projections, which may come later.

A vertex that is new when others are not has been restarted. Its stalk is where the run began, and a
sweep may have been lost with it, so it sends the latest message from above, n, down again, under a
number that is news to all: those below have handled that message, or have answered it with n + 1,
or else a higher number is on its way up to them. Two sweeps may then be under way for a while;
where they meet, the lower one ends. Such a sweep lets the samples step, which is right from
wherever they are, and only a sweep that has come all the way from the output and back is judged.
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
    """What all vertices of a path have in common.

    Parameters
    ----------
    below
        The port to the input.
    rounds
        Proximal rounds where a solve fails.

    Attributes
    ----------
    number
        Of the last sweep that was handled.
    solves
        How often the sample that was solved most often has been solved, as far as is known here.
    """

    def __init__(self, below: Port, rounds: int) -> None:
        self.number = self.solves = 0
        self._below = below
        self._rounds = float(rounds)

    def ready(self, star: Star, inbox: Inbox) -> bool:
        return star.received_all(inbox) and self._has_news(inbox)

    @abc.abstractmethod
    def _has_news(self, inbox: Inbox) -> bool:
        """Return whether there is something to be handled."""


class InnerProgram(PathProgram):
    """What both kinds of inner vertices have in common.

    Parameters
    ----------
    above, below
        The ports to the output and to the input.
    rounds
        Proximal rounds where a solve fails.
    """

    def __init__(self, above: Port, below: Port, rounds: int) -> None:
        super().__init__(below, rounds)
        self._above = above
        # The sweep up that left the candidates.
        self._candidates_of = 0

    def step(self, star: Star, inbox: Inbox) -> Step:
        step = self._handle(star, inbox)
        # Where both neighbours have news, one is left. A vertex that moves is asked again.
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
        """Return the message from above as it is to be handled here, and take its number."""
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
    """Return ``stalk``, or None if it is what it was."""
    return None if np.array_equal(stalk, star.stalk) else stalk
