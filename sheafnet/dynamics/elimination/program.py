"""The programs of the vertices of a path that is solved by sweeps.

The path is input – unit – layer – unit – … – layer – output: a *unit* is the tail of a gate, a
*layer* that of an affine map, the *output* is held or free, and the input is held and takes no
part. Every vertex keeps the number of the last sweep that it has handled, its *own*, and is *new*
while that is 0. It handles a word only if its number is higher::

    vertex       hears                      does                                  says
    output       new: nothing               begins                                DOWN 1
    output       new: UP n                  lets every sample step                DOWN n + 3
    output       UP n > own                 judges every sample                   DOWN n + 1
    output       UP n > own                 finds all at rest                     nothing
    output       UP n > own, of a sweep     lets every sample step                DOWN n + 1
                 that it did not begin
    layer, unit  DOWN n > own               takes or drops, steps, eliminates     DOWN n
    layer, unit  new: DOWN n > 1            lets every sample step                DOWN n + 2
    layer, unit  UP n > own, not new        puts candidates in place, or steps    UP n
    first unit   DOWN n                     the same, and then as on UP           UP n + 1 or n + 3
    first unit   another word of the input  lets every sample step                UP own + 2

One sweep is under way at a time, and when the output says nothing all is silent. What a vertex
says replaces what it said before, so that repetition and loss do no harm and nothing piles up. A
word is complete in itself: it does not lean on projections, which may come later.

A vertex that is new when others are not has been restarted. Its stalk is where the run began, and
a sweep may have been lost with it, so it sends the last word from above, n, down again, under a
number that is news to all: those below have handled that word, or have answered it with n + 1, or
else a higher number is on its way up to them. Two sweeps may then be under way for a while; where
they meet, the lower one ends. Such a sweep lets the samples step, which is right from wherever
they are, and only a sweep that has come all the way from the output and back is judged.
"""

from __future__ import annotations

import abc
from dataclasses import replace

import numpy as np

from sheafnet.core.arrays import Array
from sheafnet.core.incidence import Incidence
from sheafnet.core.maps import Affine, Linear
from sheafnet.dynamics.elimination.blocks import (
    Gate,
    Value,
    free_end,
    half_square,
    held_end,
    pattern,
)
from sheafnet.dynamics.elimination.port import Side
from sheafnet.dynamics.elimination.sweep import (
    ROUNDING,
    SHARES,
    SOLVE,
    Tally,
    Word,
    chosen,
    grain_of,
)
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.program import Program, Step
from sheafnet.dynamics.star import Star

MANY = len(SHARES)


class PathProgram(Program):
    """What all vertices of a path have in common.

    Parameters
    ----------
    below
        The side of the input.
    rounds
        Proximal rounds where a solve fails.

    Attributes
    ----------
    number
        Of the last sweep that was handled.
    solves
        How often the sample that was solved most often has been solved, as far as is known here.
    """

    def __init__(self, below: Side, rounds: int) -> None:
        self.number = self.solves = 0
        self._below = below
        self._rounds = float(rounds)

    def ready(self, star: Star, inbox: Inbox) -> bool:
        return star.heard_all(inbox) and self._has_news(inbox)

    @abc.abstractmethod
    def _has_news(self, inbox: Inbox) -> bool:
        """Return whether there is something to be handled."""


class InnerProgram(PathProgram):
    """What units and layers have in common.

    Parameters
    ----------
    above, below
        The sides of the output and of the input.
    rounds
        Proximal rounds where a solve fails.
    """

    def __init__(self, above: Side, below: Side, rounds: int) -> None:
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
        word = self._below.word(inbox)
        self.number = self._candidates_of = word.number
        return self._up(star, word)

    def _coming_down(self, inbox: Inbox) -> Word:
        """Return the word from above as it is to be handled here, and take its number."""
        word = self._above.word(inbox)
        tally = word.tally
        restarted = not self.number and word.number > 1
        if restarted:
            tally = tally.planned(self._rounds)
        elif word.number != self._candidates_of + 1:
            tally = replace(tally, taken=np.zeros_like(tally.taken))
        self.solves = int(tally.solves.max())
        self.number = word.number + 2 * restarted
        return replace(word, number=self.number, tally=tally)

    @abc.abstractmethod
    def _down(self, star: Star, inbox: Inbox, word: Word) -> Step: ...

    @abc.abstractmethod
    def _up(self, star: Star, word: Word) -> Step: ...


class LayerProgram(InnerProgram):
    """A stalk a between a gate below and an affine map above.

    Parameters
    ----------
    star
        The vertex.
    below, above
        Its ends of its two edges.
    rounds
        Proximal rounds where a solve fails.
    """

    def __init__(self, star: Star, below: Incidence, above: Incidence, rounds: int) -> None:
        super().__init__(
            Side(star, above, vectors=2, curvature=True),
            Side(star, below, vectors=1 + 2 * MANY),
            rounds,
        )
        assert isinstance(above.map, Linear)
        self._map = above.map
        self._matrix = W = above.map.matrix.astype(np.float64)
        self._inverse = np.linalg.inv(np.eye(W.shape[1]) + W.T @ W)
        self._largest_column = float(np.abs(W).sum(axis=0).max())
        self._largest_row = float(np.abs(W).sum(axis=1).max())
        self._bias = float(np.abs(above.map.bias).max()) if isinstance(above.map, Affine) else 0.0
        self._candidates = np.repeat(star.stalk[None], MANY, axis=0)
        # What is known of the neighbours: R z below, and z above.
        self._gate: Array | None = None
        self._head: Array = star.stalk

    def _down(self, star: Star, inbox: Inbox, word: Word) -> Step:
        """Take or drop the candidate, or step; tell the value of what is above."""
        tally = word.tally
        assert word.curvature is not None
        self._head, slope = word.vectors
        if self._gate is None:
            self._gate = self._below.projection(inbox)
        a = self._stepped(tally, chosen(tally, self._candidates, star.stalk))
        pull = self._matrix.T @ (self._applied(a) - self._head)
        above = Value(word.curvature, slope).through(self._matrix)
        rounding = self._grain(a) + grain_of(self._head, a.dtype) + tally.grain
        tally = replace(tally, grain=self._largest_column * rounding)
        vectors = np.stack([a, pull, above.slope])
        told = replace(word, tally=tally, vectors=vectors, curvature=above.curvature)
        return Step(_moved(star, a), (self._below.letter(told),))

    def _up(self, star: Star, word: Word) -> Step:
        """Put the candidates in place, or step; tell where the map leads from there."""
        tally = word.tally
        self._gate = word.vectors[0]
        targets, gates = word.vectors[1 : 1 + MANY], word.vectors[1 + MANY :]
        a = self._stepped(tally, star.stalk)
        self._candidates = np.where(tally.plan == SOLVE, targets, a).astype(a.dtype)
        after = tally.after + half_square(gates - self._candidates)
        tally = replace(tally, after=after, grain=self._grain(a))
        # One by one: a map takes no stack.
        vectors = np.stack([self._map.apply(x) for x in (a, *self._candidates)])
        told = replace(word, tally=tally, vectors=vectors)
        return Step(_moved(star, a), (self._above.letter(told),))

    def _stepped(self, tally: Tally, a: Array) -> Array:
        """Return ``a``, but at the minimum of the energy around it where a sample steps."""
        stepping = tally.plan > 0.0
        if self._gate is None or not stepping.any():
            return a
        force = a - self._gate + self._matrix.T @ (self._applied(a) - self._head)
        return np.where(stepping, a - self._inverse @ force, a).astype(a.dtype)

    def _applied(self, a: Array) -> Array:
        return self._map.apply(a).astype(np.float64)

    def _grain(self, a: Array) -> Array:
        """Return what rounding makes of W a + b in every sample."""
        return self._largest_row * grain_of(a) + np.finfo(a.dtype).eps * self._bias


class UnitProgram(InnerProgram):
    """A stalk z between an affine map below, which says c, and a gate above.

    Parameters
    ----------
    star
        The vertex.
    below, above
        Its ends of its two edges.
    rounds
        Proximal rounds where a solve fails.
    """

    def __init__(self, star: Star, below: Incidence, above: Incidence, rounds: int) -> None:
        super().__init__(
            Side(star, above, vectors=3, curvature=True),
            Side(star, below, vectors=1 + MANY),
            rounds,
        )
        self._gate = above.map
        self._weight = np.ones((len(star.stalk), 1), star.stalk.dtype)
        self._is_first = below.neighbour in star.constraint.held_neighbours
        self._candidates = np.repeat(star.stalk[None], MANY, axis=0)
        # What is known of the neighbours, c and a, and what rounding makes of c.
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
        tally = Tally.blank(self._below.batch).planned(self._rounds)
        return self._answer(star, inbox, Word(self.number, 0, tally), star.stalk)

    def _input_is_news(self, inbox: Inbox) -> bool:
        """Return whether the input has another value than in the last sweep."""
        if not self._is_first or self._c is None:
            return False
        c = self._below.projection(inbox)
        return c is not self._c and not np.array_equal(c, self._c)

    def _down(self, star: Star, inbox: Inbox, word: Word) -> Step:
        """Step, which reads off the pattern; tell the value of all that is above."""
        tally = word.tally
        assert word.curvature is not None
        if self._c is None or self._is_first:
            self._c = self._below.projection(inbox)
        else:
            self._c = chosen(tally, self._candidates, self._c)
        c, (a, pull, push) = self._c, word.vectors
        self._a = a = a.astype(c.dtype)
        z = self._best(c, a, star.stalk)
        gap = a - self._gate.apply(z)
        force = pull + gap
        self._units = Gate(z, Value(word.curvature, push + force))
        grain = self._c_grain + grain_of(c) + grain_of(a)
        largest = np.abs(force).max(axis=0)
        tally = replace(
            tally,
            before=tally.before + half_square(c - z) + half_square(gap),
            blur=tally.blur + grain * (np.abs(c - z) + np.abs(gap)).sum(axis=0),
            scale=np.maximum(tally.scale, np.maximum(grain_of(c), grain_of(a))),
            force=np.maximum(tally.force, largest),
            excess=np.maximum(tally.excess, largest - ROUNDING * (tally.grain + grain)),
            grain=grain,
        )
        if self._is_first:
            self.number += 1
            return self._answer(star, inbox, replace(word, number=self.number, tally=tally), z)
        below = self._units.below
        vectors = np.stack([z, below.slope])
        told = replace(word, tally=tally, vectors=vectors, curvature=below.curvature)
        return Step(_moved(star, z), (self._below.letter(told),))

    def _answer(self, star: Star, inbox: Inbox, word: Word, z: Array) -> Step:
        """Begin a sweep up, above an input that stays as it is."""
        self._candidates_of = self.number
        self._c = c = self._below.projection(inbox)
        return self._rise(star, replace(word, vectors=np.repeat(c[None], 1 + MANY, axis=0)), z)

    def _up(self, star: Star, word: Word) -> Step:
        self._c = word.vectors[0].astype(star.stalk.dtype)
        self._c_grain = word.tally.grain
        return self._rise(star, word, star.stalk)

    def _rise(self, star: Star, word: Word, z: Array) -> Step:
        """Find the best a and z for each candidate of c; or step, from ``z``."""
        tally, a = word.tally, self._a
        self._candidates = word.vectors[1:].astype(z.dtype)
        targets = np.repeat(a[None], MANY, axis=0)
        if self._units is not None:
            change = self._units.change(self._candidates - word.vectors[0], SHARES)
            targets = np.where(tally.plan == SOLVE, a + change, targets).astype(z.dtype)
        best = self._best(self._candidates, targets, z)
        stalk = np.where(tally.plan > 0.0, best[0], z)
        same = (pattern(best[0]) == pattern(z)).all(axis=0)
        after = tally.after + half_square(self._candidates - best)
        tally = replace(tally, same=tally.same * same, after=after)
        vectors = np.concatenate([self._gate.apply(stalk)[None], targets, self._gate.apply(best)])
        told = replace(word, tally=tally, vectors=vectors, curvature=None)
        return Step(_moved(star, stalk), (self._above.letter(told),))

    def _best(self, c: Array, a: Array, z: Array) -> Array:
        """Return the exact minimiser between c and a, the lowest of two."""
        return self._gate.prox(self._weight, c, a, z, keep=False)


class OutputProgram(PathProgram):
    """The upper end: it judges, sets sweeps going, and lets them end.

    Parameters
    ----------
    star
        The vertex; its stalk is held or free.
    below
        Its end of its one edge.
    rounds
        Proximal rounds where a solve fails.
    """

    def __init__(self, star: Star, below: Incidence, rounds: int) -> None:
        super().__init__(Side(star, below, vectors=1 + MANY), rounds)
        self._precision = float(np.finfo(star.stalk.dtype).eps)

    def _has_news(self, inbox: Inbox) -> bool:
        return not self.number or self._below.number(inbox) > self.number

    def step(self, star: Star, inbox: Inbox) -> Step:
        heard = self._below.number(inbox)
        if not heard:
            number, tally = 1, Tally.blank(self._below.batch).planned(SOLVE)
            c, c_grain = self._below.projection(inbox), tally.grain
        else:
            word = self._below.word(inbox)
            number = heard + 1 if self.number else heard + 3
            tally = self._judged(star, word)
            c = chosen(tally, word.vectors[1:], word.vectors[0]).astype(star.stalk.dtype)
            c_grain = word.tally.grain
        z = star.stalk if star.pinned else c
        if tally.at_rest:
            self.number = heard
            return Step(_moved(star, z))
        self.number, self.solves = number, int(tally.solves.max())
        tally = replace(
            tally,
            before=half_square(c - z),
            blur=(c_grain + grain_of(c)) * np.abs(c - z).sum(axis=0),
            scale=np.maximum(grain_of(c), grain_of(z)),
        )
        end = (held_end if star.pinned else free_end)(self._below.dim, self._below.batch)
        told = Word(number, number, tally, np.stack([z, end.slope]), end.curvature)
        return Step(_moved(star, z), (self._below.letter(told),))

    def _judged(self, star: Star, word: Word) -> Tally:
        """Return what follows from a sweep up, or from one that did not begin here."""
        if word.origin != self.number:
            return word.tally.planned(self._rounds)
        tally = word.tally
        if star.pinned:  # a free output takes off whatever the last edge has
            tally = replace(tally, after=tally.after + half_square(word.vectors[1:] - star.stalk))
        return tally.judged(self._rounds, self._precision)


def _moved(star: Star, stalk: Array) -> Array | None:
    """Return ``stalk``, or None if it is what it was."""
    return None if np.array_equal(stalk, star.stalk) else stalk
