"""The messages of a sweep along a path, and what its upper end decides from them.

A sweep goes down the path and is answered by one that goes up. Each sample has a plan of its own
for the two:

    SOLVE   down: minimise away what is above; up: put candidates in place, at some shares of the
            way to the minimum of the pattern
    n > 0   down and up: step to the minimum of one's own energy, in the n-th last such round
    HOLD    do not move

What came up decides, for each sample by itself, about the next two and about the candidates:

    plan         and                                                 next plan   candidate
    SOLVE, HOLD  no force on the stalks but rounding, nor shrinking  HOLD        dropped
    HOLD         a force                                             SOLVE       –
    SOLVE        the energy of a candidate is lower                  SOLVE       taken: the lowest
    SOLVE        it is not                                           n           dropped
    n > 1                                                            n − 1       –
    1                                                                SOLVE       –
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

import numpy as np

from sheafnet.core.arrays import Array, frozen

SOLVE = 0.0
HOLD = -1.0

SHARES = 0.5 ** np.array([0.0, 1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20])[:, None, None]
"""Shares of the way to the minimum of a pattern, shape (shares, 1, 1). The way leads downhill at
its beginning, but another pattern may take over before its end."""

CANDIDATES = len(SHARES)
"""Stalks that a solve puts forward for each sample, one a share."""

ROUNDING = 4.0
"""A force of no more than so many units of its rounding is none."""

SHRINKAGE = 0.5
"""A solve that leaves a larger share than this of a force of rounding is the last."""

SLACK = 4.0
"""Energies may differ by so many units of their rounding through rounding alone."""


@dataclass(frozen=True, eq=False)
class SampleState:
    """What a sweep carries of every sample; arrays of shape (batch,) but for ``after``.

    Attributes
    ----------
    plan
        SOLVE, HOLD, or a number of proximal rounds.
    solves
        How often the sample has been solved, this time included.
    taken
        Which candidate becomes the stalk on the way down, counted from 1; 0 for none.
    before
        Energy of the stalks, summed over the edges on the way down.
    blur
        What rounding makes of that sum, the same way.
    scale
        Unit of rounding of the largest coordinate on the way down.
    force
        Largest force on the stalks on the way down.
    excess
        The same beyond what rounding makes of it, each where it acts.
    last
        Largest force before the last solve; infinite before the first.
    grain
        What rounding makes of the vectors of this message; for the next vertex only.
    same
        1 while the candidates of the whole way have kept the pattern on the way up.
    after
        Energy of the candidates, summed over the edges on the way up, shape (shares, batch).
    """

    plan: Array
    solves: Array
    taken: Array
    before: Array
    blur: Array
    scale: Array
    force: Array
    excess: Array
    last: Array
    grain: Array
    same: Array
    after: Array

    @classmethod
    def blank(cls, batch: int) -> SampleState:
        """Return the state of samples that are all to be solved."""
        rows = np.zeros((len(fields(cls)) - 1, batch))
        blank = cls(*[*rows, np.zeros((CANDIDATES, batch))])
        return replace(blank, force=np.full(batch, np.inf))

    def planned(self, plan: Array | float, taken: Array | float = 0.0) -> SampleState:
        """Return the state with which a sweep of that plan begins."""
        blank = np.zeros_like(self.plan)
        plan = blank + plan
        return SampleState(
            plan=plan,
            solves=self.solves + (plan == SOLVE),
            taken=blank + taken,
            before=blank,
            blur=blank,
            scale=blank,
            force=blank,
            excess=blank,
            last=self.force,
            grain=blank,
            same=blank + 1.0,
            after=np.zeros_like(self.after),
        )

    def judged(self, rounds: float, precision: float) -> SampleState:
        """Return the state of the next sweep down, after one that has come up.

        Parameters
        ----------
        rounds
            Proximal rounds for a sample with no candidate that is lower.
        precision
            Machine epsilon of the stalks.
        """
        solving, stepping = self.plan == SOLVE, self.plan > 0.0
        after = np.where(np.isnan(self.after), np.inf, self.after)
        # Within one pattern no solve raises the energy. What seems to is rounding, and the whole
        # way then takes off the rest of the force.
        level = self.before + SLACK * (self.blur + precision * self.before)
        whole = (self.same > 0.0) & (after[0] <= level)
        lowest = np.where(whole, 0, after.argmin(axis=0))
        lower = whole | (after.min(axis=0) < self.before)
        still = self.excess <= ROUNDING * self.scale
        shrinks = solving & (self.force > 0.0) & (self.force < SHRINKAGE * self.last)
        settled = ~stepping & still & ~shrinks
        plan = np.where(solving & ~lower, rounds, SOLVE)
        plan = np.where(stepping, self.plan - 1.0, plan)
        plan = np.where(settled, HOLD, plan)
        return self.planned(plan, np.where(solving & lower & ~settled, lowest + 1.0, 0.0))

    @property
    def settled(self) -> bool:
        """Whether no sample is to move."""
        return bool((self.plan == HOLD).all())


HEAD = 2 + len(fields(SampleState)) - 1 + CANDIDATES
"""Numbers of every sample in front of the vectors of a message."""


@dataclass(frozen=True, eq=False)
class SweepMessage:
    """What one vertex tells the next.

    Attributes
    ----------
    number
        Of the sweep.
    origin
        The number with which it began at the output; 0 for one that did not.
    state
        What is carried of every sample.
    vectors
        Edge vectors, shape (vectors, dim, batch).
    curvature
        That of a value, shape (batch, dim, dim); on the way down only.
    """

    number: int
    origin: int
    state: SampleState
    vectors: Array = field(default_factory=lambda: np.empty((0, 0, 0)))
    curvature: Array | None = None

    def packed(self) -> Array:
        """Return it as one array with a row for each sample, so that it cannot arrive in parts."""
        batch = len(self.state.plan)
        rows = [getattr(self.state, part.name) for part in fields(SampleState)]
        numbers = [np.full(batch, float(n)) for n in (self.number, self.origin)]
        parts = [np.vstack([*numbers, *rows]).T, self.vectors.transpose(2, 0, 1)]
        if self.curvature is not None:
            parts.append(self.curvature)
        flat = [part.reshape(batch, -1) for part in parts]
        return frozen(np.concatenate(flat, axis=1, dtype=np.float64))


def number_of(packed: Array) -> int:
    """Return the number of a packed message."""
    return int(packed[0, 0])


def unpacked(packed: Array, dim: int, vectors: int) -> SweepMessage:
    """Return the message that was packed."""
    batch = len(packed)
    head, body = packed[:, :HEAD].T, packed[:, HEAD:]
    rows, split = len(fields(SampleState)) + 1, vectors * dim
    return SweepMessage(
        number=number_of(packed),
        origin=int(head[1, 0]),
        state=SampleState(*[*head[2:rows], head[rows:]]),
        vectors=body[:, :split].reshape(batch, vectors, dim).transpose(1, 2, 0),
        curvature=body[:, split:].reshape(batch, dim, dim) if body.shape[1] > split else None,
    )


def chosen(state: SampleState, candidates: Array, otherwise: Array) -> Array:
    """Return the candidate that was taken in each sample, or what there is ``otherwise``.

    Parameters
    ----------
    state
        Says which.
    candidates
        Shape (shares, dim, batch).
    otherwise
        Shape (dim, batch).
    """
    taken = state.taken.astype(np.intp)
    best = np.take_along_axis(candidates, np.maximum(taken - 1, 0)[None, None, :], axis=0)[0]
    return np.where(taken > 0, best, otherwise)


def grain_of(x: Array, dtype: np.dtype[np.floating] | None = None) -> Array:
    """Return the unit of rounding of the largest coordinate of every sample, shape (batch,).

    Parameters
    ----------
    x
        Shape (dim, batch).
    dtype
        Precision that ``x`` is held in, if it is not its own.
    """
    size = np.abs(x).max(axis=0).astype(np.float64)
    return np.asarray(np.finfo(dtype or x.dtype).eps * size)
