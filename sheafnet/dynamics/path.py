"""The programs of the vertices of a path that is solved by sweeps.

The path is input – unit – layer – unit – … – layer – output: a *unit* is the tail of a gate, a
*layer* that of an affine map, the *output* is held or free, and the input is held and takes no
part. Every vertex keeps the number of the last sweep that it has handled, its *own*; it is *new*
while that is 0. Only words with a higher number count::

    vertex       hears                      does                                  says
    output       new: nothing               begins                                DOWN 1, cold
    output       new: UP n                  begins                                DOWN n + 1
    output       UP n > own                 judges every sample                   DOWN n + 1
    output       UP n > own                 finds all at rest                     nothing
    layer, unit  DOWN n > own               takes or drops, steps, eliminates     DOWN n
    layer, unit  new: DOWN n, cold          the same                              DOWN n + 2
    layer, unit  new: DOWN n                lets every sample step instead        DOWN n + 2
    layer, unit  UP n > own, not new        puts candidates in place, or steps    UP n
    first unit   DOWN n                     as any other unit, then as on UP      UP n + 1 or n + 3
    first unit   another word of the input  steps, and so lets every sample       UP own + 2

One sweep is under way at a time, and when the output says nothing all is silent. What a vertex
says is the newest of its kind, so that repetition and loss do no harm, and nothing piles up.

A vertex that is new when the others are not has been restarted: its stalk is where the run began,
and a sweep may have been lost with it. It makes one of the last word from above, with a number
that is higher than any below it can have handled: those are the n of that word and the n + 1 of
the answer, so n + 2 (and the answer to it is higher than any above can have handled). Candidates
belong to the sweep before; where the numbers say that they do not they are dropped.
"""

from __future__ import annotations

import abc
from dataclasses import replace

import numpy as np

from sheafnet.core.arrays import Array
from sheafnet.core.incidence import Incidence
from sheafnet.core.maps import Affine, Linear
from sheafnet.dynamics.elimination import Gate, Value, free_end, half_square, held_end, pattern
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.program import Step
from sheafnet.dynamics.proximal import LinearProximal
from sheafnet.dynamics.side import Side
from sheafnet.dynamics.star import Star
from sheafnet.dynamics.sweep import (
    SHARES,
    SOLVE,
    Tally,
    Word,
    chosen,
    without_candidates,
)

MANY = len(SHARES)


class PathProgram(abc.ABC):
    """What all vertices of a path have in common.

    Parameters
    ----------
    rounds
        Proximal rounds where a solve fails.

    Attributes
    ----------
    number
        Of the last sweep that was handled.
    solves
        How often the sample that was solved most often has been solved, as far as is known here.
    """

    def __init__(self, rounds: int) -> None:
        self.number = self.solves = 0
        self._rounds = rounds

    def ready(self, star: Star, inbox: Inbox) -> bool:
        return star.heard_all(inbox) and self._has_news(inbox)

    @abc.abstractmethod
    def step(self, star: Star, inbox: Inbox) -> Step: ...

    @abc.abstractmethod
    def _has_news(self, inbox: Inbox) -> bool:
        """Return whether there is a word to be handled."""


class InnerProgram(PathProgram):
    """What units and layers have in common.

    Parameters
    ----------
    above, below
        Its two sides.
    rounds
        Proximal rounds where a solve fails.
    """

    def __init__(self, above: Side, below: Side, rounds: int) -> None:
        super().__init__(rounds)
        self._above, self._below = above, below
        # The sweep up that the candidates belong to.
        self._candidates_of = 0

    def step(self, star: Star, inbox: Inbox) -> Step:
        step = self._handle(star, inbox)
        # Where both neighbours have news, one is left. A vertex that moves is asked again.
        if step.stalk is None and self._has_news(inbox):
            return step._replace(stalk=star.stalk)
        return step

    def _handle(self, star: Star, inbox: Inbox) -> Step:
        if self._down_is_news(inbox):
            return self._down(star, inbox, self._coming_down(inbox))
        word = self._below.word(inbox)
        self.number = self._candidates_of = word.number
        return self._up(star, inbox, word)

    def _has_news(self, inbox: Inbox) -> bool:
        return self._down_is_news(inbox) or self._up_is_news(inbox)

    def _down_is_news(self, inbox: Inbox) -> bool:
        number = self._above.number(inbox)
        return number > self.number and number > self._below.number(inbox) * bool(self.number)

    def _up_is_news(self, inbox: Inbox) -> bool:
        return 0 < self.number < self._below.number(inbox)

    def _coming_down(self, inbox: Inbox) -> Word:
        """Return the word from above as it is to be handled here, and take its number."""
        word = self._above.word(inbox)
        tally = word.tally
        if not self.number and not word.cold:
            tally = tally.planned(float(self._rounds))
        elif word.number != self._candidates_of + 1:
            tally = without_candidates(tally)
        self.solves = int(tally.solves.max())
        self.number = word.number if self.number else word.number + 2
        return replace(word, tally=tally)

    @abc.abstractmethod
    def _down(self, star: Star, inbox: Inbox, word: Word) -> Step: ...

    @abc.abstractmethod
    def _up(self, star: Star, inbox: Inbox, word: Word) -> Step: ...


class LayerProgram(InnerProgram):
    """A stalk between a gate below and an affine map above.

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
            Side(star, above, 1, curvature=True),
            Side(star, below, 2 * MANY, curvature=False),
            rounds,
        )
        assert isinstance(above.map, Linear)
        self._map = above.map
        self._matrix = above.map.matrix.astype(np.float64)
        self._proximal = LinearProximal(star)
        sizes = np.abs(self._matrix)
        self._down_norm, self._up_norm = sizes.sum(axis=0).max(), sizes.sum(axis=1).max()
        self._bias = np.abs(above.map.bias).max() if isinstance(above.map, Affine) else 0.0
        self._candidates = np.repeat(star.stalk[None], MANY, axis=0)

    def _down(self, star: Star, inbox: Inbox, word: Word) -> Step:
        """Take or drop the candidate, or step; tell the value of what is above."""
        tally = word.tally
        assert word.curvature is not None
        a = chosen(tally, self._candidates, star.stalk)
        a = self._stepped(star, inbox, tally, a)
        z = self._above.projection(inbox)
        pull = self._matrix.T @ (self._map.apply(a).astype(np.float64) - z)
        above = Value(word.curvature, word.vectors[0]).through(self._matrix)
        told = Word(
            self.number,
            word.cold,
            replace(tally, grain=self._down_norm * (self._grain(a) + _grain(z) + tally.grain)),
            np.stack([pull, above.slope]),
            above.curvature,
        )
        return Step(_moved(star, a), (self._below.letter(told),))

    def _up(self, star: Star, inbox: Inbox, word: Word) -> Step:
        """Put the candidates in place, or step; tell where the map leads from there."""
        tally = word.tally
        stalk = self._stepped(star, inbox, tally, star.stalk)
        targets, gates = word.vectors[:MANY], word.vectors[MANY:]
        self._candidates = np.where(tally.plan == SOLVE, targets, stalk).astype(stalk.dtype)
        energy = half_square(gates - self._candidates)
        told = Word(
            self.number,
            word.cold,
            replace(tally, after=tally.after + energy, grain=self._grain(self._candidates[-1])),
            self._map.apply(self._candidates),
        )
        return Step(_moved(star, stalk), (self._above.letter(told),))

    def _stepped(self, star: Star, inbox: Inbox, tally: Tally, otherwise: Array) -> Array:
        stepping = tally.plan > 0.0
        if not stepping.any():
            return otherwise
        return np.where(stepping, self._proximal.minimiser(star, inbox), otherwise)

    def _grain(self, a: Array) -> Array:
        """Return what rounding makes of W a + b, in every sample."""
        return np.asarray(self._up_norm * _grain(a) + np.finfo(a.dtype).eps * self._bias)


class UnitProgram(InnerProgram):
    """A stalk between an affine map below and a gate above.

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
            Side(star, above, 2, curvature=True), Side(star, below, MANY, curvature=False), rounds
        )
        self._gate = above.map
        self._weight = np.ones((len(star.stalk), 1), star.stalk.dtype)
        self._is_first = below.neighbour in star.constraint.held_neighbours
        # What c was when the pattern was read off, the gate in it, the candidates for c, and what
        # rounding makes of those.
        self._c = star.stalk
        self._c_grain: Array = np.zeros(star.stalk.shape[1])
        self._eliminated: Gate | None = None
        self._candidates = np.repeat(star.stalk[None], MANY, axis=0)

    def step(self, star: Star, inbox: Inbox) -> Step:
        if not self._input_is_news(inbox):
            return super().step(star, inbox)
        self.number += 2
        tally = Tally.blank(self._below.batch).planned(float(self._rounds))
        return self._answer(star, inbox, tally, star.stalk, cold=False)

    def _has_news(self, inbox: Inbox) -> bool:
        return self._input_is_news(inbox) or super()._has_news(inbox)

    def _input_is_news(self, inbox: Inbox) -> bool:
        """Return whether the input was given another value since the last sweep."""
        if not (self._is_first and self.number):
            return False
        c = self._below.projection(inbox)
        return c is not self._c and not np.array_equal(c, self._c)

    def _down(self, star: Star, inbox: Inbox, word: Word) -> Step:
        """Step, which reads off the pattern; tell the value of all that is above."""
        tally = word.tally
        assert word.curvature is not None
        self._c = c = chosen(tally, self._candidates, self._below.projection(inbox))
        a = self._above.projection(inbox)
        z = self._best(c, a, star.stalk)
        gap = a - self._gate.apply(z)
        pull, push = word.vectors
        force = pull + gap
        grain = self._c_grain + _grain(c) + _grain(a)
        scale = np.maximum(tally.scale, np.maximum(_grain(c), _grain(a)))
        self._eliminated = Gate(z, Value(word.curvature, push + force))
        tally = replace(
            tally,
            before=tally.before + half_square(c - z) + half_square(gap),
            blur=tally.blur + grain * (np.abs(c - z) + np.abs(gap)).sum(axis=0),
            scale=scale,
            force=np.maximum(tally.force, _in_grains(force, tally.grain + grain + scale)),
            grain=grain,
        )
        if self._is_first:
            self.number += 1
            return self._answer(star, inbox, tally, z, cold=word.cold)
        below = self._eliminated.below
        told = Word(self.number, word.cold, tally, below.slope[None], below.curvature)
        return Step(_moved(star, z), (self._below.letter(told),))

    def _answer(self, star: Star, inbox: Inbox, tally: Tally, z: Array, *, cold: bool) -> Step:
        """Begin a sweep up above an input that does not change."""
        self._candidates_of = self.number
        self._c = c = self._below.projection(inbox)
        word = Word(self.number, cold, tally, np.repeat(c[None], MANY, axis=0))
        return self._rise(star, inbox, word, z)

    def _up(self, star: Star, inbox: Inbox, word: Word) -> Step:
        self._c_grain = word.tally.grain
        return self._rise(star, inbox, word, star.stalk)

    def _rise(self, star: Star, inbox: Inbox, word: Word, z: Array) -> Step:
        """Find where a is best for each candidate of c, and z there; or step, from ``z``."""
        tally = word.tally
        a = self._above.projection(inbox)
        self._candidates = word.vectors.astype(z.dtype)
        targets: Array = np.repeat(a[None], MANY, axis=0)
        if self._eliminated is not None:
            change = self._eliminated.change(self._candidates - self._c.astype(np.float64), SHARES)
            targets = np.where(tally.plan == SOLVE, (a + change).astype(z.dtype), targets)
        best = self._best(self._candidates, targets, z)
        same = (pattern(best[0]) == pattern(z)).all(axis=0)
        told = Word(
            self.number,
            word.cold,
            replace(
                tally,
                same=tally.same * same,
                after=tally.after + half_square(self._candidates - best),
            ),
            np.concatenate([targets, self._gate.apply(best)]),
        )
        stalk = np.where(tally.plan > 0.0, best[0], z)
        return Step(_moved(star, stalk), (self._above.letter(told),))

    def _best(self, c: Array, a: Array, z: Array) -> Array:
        """Return the exact minimiser between c and a, the lowest of two."""
        return self._gate.prox(self._weight, c, a, z, keep=False)


class OutputProgram(PathProgram):
    """The upper end: it judges, sets sweeps going, and lets them end.

    Parameters
    ----------
    star
        The vertex; its stalk may be held.
    below
        Its end of its one edge.
    rounds
        Proximal rounds where a solve fails.
    """

    def __init__(self, star: Star, below: Incidence, rounds: int) -> None:
        super().__init__(rounds)
        self._below = Side(star, below, MANY, curvature=False)
        self._precision = float(np.finfo(star.stalk.dtype).eps)

    def _has_news(self, inbox: Inbox) -> bool:
        return not self.number or self._below.number(inbox) > self.number

    def step(self, star: Star, inbox: Inbox) -> Step:
        heard = self._below.number(inbox)
        c = self._below.projection(inbox)
        grain: Array | float = 0.0
        if self.number:
            word = self._below.word(inbox)
            grain = word.tally.grain
            tally = self._complete(star, word).judged(self._rounds, self._precision)
            c = chosen(tally, word.vectors.astype(c.dtype), c)
        else:
            tally = Tally.blank(self._below.batch).planned(SOLVE)
        z = star.stalk if star.pinned else c
        if tally.at_rest:
            self.number = heard
            return Step(_moved(star, z))
        cold, self.number = heard == 0, heard + 1
        self.solves = int(tally.solves.max())
        end = held_end if star.pinned else free_end
        value = end(self._below.dim, self._below.batch)
        tally = replace(
            tally,
            before=half_square(c - z),
            blur=(grain + _grain(c)) * np.abs(c - z).sum(axis=0),
            scale=np.maximum(_grain(c), _grain(z)),
        )
        told = Word(self.number, cold, tally, value.slope[None], value.curvature)
        return Step(_moved(star, z), (self._below.letter(told),))

    def _complete(self, star: Star, word: Word) -> Tally:
        """Return the tally with the energy of the last edge; a free output takes it off."""
        if not star.pinned:
            return word.tally
        energy = half_square(word.vectors - star.stalk)
        return replace(word.tally, after=word.tally.after + energy)


def _moved(star: Star, stalk: Array) -> Array | None:
    """Return ``stalk``, or None if it is what it was."""
    return None if np.array_equal(stalk, star.stalk) else stalk


def _grain(x: Array) -> Array:
    """Return the unit of rounding of the largest coordinate of every sample."""
    size = np.abs(x).max(axis=0).astype(np.float64)
    return np.asarray(np.finfo(x.dtype).eps * size)


def _in_grains(force: Array, grain: Array) -> Array:
    """Return the largest force of every sample in units of its rounding."""
    largest = np.abs(force).max(axis=0)
    none = np.where(largest > 0.0, np.inf, 0.0)
    return np.asarray(np.divide(largest, grain, out=none, where=grain > 0.0))
