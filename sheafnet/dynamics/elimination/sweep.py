"""The message of a sweep along a path, and the decision at the output after each sweep.

A sweep goes down the path, from the output to the input, and is answered by one that goes up. Each
sample has its own plan for the two:

    SOLVE   down: minimise away all that is above; up: store candidates, which lie at fixed shares
            of the way to the minimum of the pattern
    n > 0   down and up: each vertex steps to the minimum of the energy of its own edges;
            n proximal rounds, this one included, are left
    HOLD    no stalk moves

The *force* is the part of −∇E that can move a stalk. When a sweep has come up, the output chooses
for each sample the next plan, and whether the vertices take a candidate as their stalk:

    plan          condition                                           next plan   candidate
    SOLVE, HOLD   the force is at rounding level, and a solve would   HOLD        none
                  not shrink it further
    HOLD          the force is larger than that                       SOLVE       none
    SOLVE         a candidate has a lower energy than the stalks      SOLVE       the lowest
    SOLVE         no candidate has                                    rounds      none
    n > 1                                                             n − 1       none
    1                                                                 SOLVE       none

Here ``rounds`` is the number of proximal rounds that the rule sets.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

import numpy as np

from sheafnet.core.arrays import Array, frozen

SOLVE = 0.0
HOLD = -1.0

SHARES = 0.5 ** np.array([0.0, 1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20])[:, None, None]
"""Shares of the way from the stalks to the minimum of the pattern, shape (shares, 1, 1). The energy
falls at the beginning of the way, but the pattern may change before its end."""

CANDIDATES = len(SHARES)
"""Number of candidate stalks of a solve for each sample, one for each share."""

ROUNDING = 4.0
"""A force of at most this many times its rounding error counts as zero."""

SHRINKAGE = 0.5
"""At rounding level, solving goes on while each solve leaves less than this share of the force."""

SLACK = 4.0
"""An energy that is higher by at most this many times its rounding error counts as equal."""


@dataclass(frozen=True, eq=False)
class SampleState:
    """State of each sample in a sweep; arrays of shape (batch,), except ``after``.

    Attributes
    ----------
    plan
        SOLVE, HOLD, or the number of proximal rounds left.
    solves
        Number of solves so far, this sweep included.
    taken
        Number of the candidate that becomes the stalk on the way down, counted from 1; 0 for none.
    before
        Energy of the stalks, summed over the edges passed on the way down.
    blur
        Rounding error of ``before``, summed in the same way.
    scale
        Unit of rounding of the largest coordinate met on the way down.
    force
        Largest absolute value of the force on a coordinate of a stalk, met on the way down.
    excess
        Largest difference, at least 0, between the force on a stalk and ``ROUNDING`` times the
        rounding error of that force.
    last
        ``force`` in the sweep before; infinite in the first.
    grain
        Rounding error of the vectors of this message, for the next vertex only.
    same
        1 if the candidate at share 1 has the pattern of the stalks at every vertex passed on the
        way up, otherwise 0.
    after
        Energy of each candidate, summed over the edges passed on the way up, shape
        (shares, batch).
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
        """Return the state of ``batch`` samples before the first sweep, all with the plan SOLVE."""
        rows = np.zeros((len(fields(cls)) - 1, batch))
        blank = cls(*[*rows, np.zeros((CANDIDATES, batch))])
        return replace(blank, force=np.full(batch, np.inf))

    def planned(self, plan: Array | float, taken: Array | float = 0.0) -> SampleState:
        """Return the state at the beginning of a sweep.

        Parameters
        ----------
        plan
            Plan of each sample, shape (batch,), or one for all.
        taken
            Candidate that each sample takes, shape (batch,), or one for all; 0 (default) is none.
        """
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
        """Return the state at the beginning of the next sweep, for the state of one that came up.

        Parameters
        ----------
        rounds
            Number of proximal rounds for a sample that has no candidate of lower energy.
        precision
            Machine epsilon of the precision of the stalks.
        """
        solving, stepping = self.plan == SOLVE, self.plan > 0.0
        after = np.where(np.isnan(self.after), np.inf, self.after)
        # Within one pattern a solve cannot raise the energy: an increase is a rounding error. The
        # candidate at share 1 then reduces the remaining force.
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
        """Whether the plan of every sample is HOLD."""
        return bool((self.plan == HOLD).all())


HEAD = 2 + len(fields(SampleState)) - 1 + CANDIDATES
"""Count of the numbers that precede the vectors in each row of a packed message."""


@dataclass(frozen=True, eq=False)
class SweepMessage:
    """Message from one vertex of the path to the next.

    Attributes
    ----------
    number
        Number of the sweep.
    origin
        Number that the output gave to the sweep when it began it; 0 if the sweep began elsewhere.
    state
        State of each sample.
    vectors
        Edge vectors, shape (vectors, dim, batch).
    curvature
        Curvature of the value of the edge, shape (batch, dim, dim); None on the way up.
    """

    number: int
    origin: int
    state: SampleState
    vectors: Array = field(default_factory=lambda: np.empty((0, 0, 0)))
    curvature: Array | None = None

    def packed(self) -> Array:
        """Return the message as one array, a row for each sample, so that it arrives as a whole."""
        batch = len(self.state.plan)
        rows = [getattr(self.state, part.name) for part in fields(SampleState)]
        numbers = [np.full(batch, float(n)) for n in (self.number, self.origin)]
        parts = [np.vstack([*numbers, *rows]).T, self.vectors.transpose(2, 0, 1)]
        if self.curvature is not None:
            parts.append(self.curvature)
        flat = [part.reshape(batch, -1) for part in parts]
        return frozen(np.concatenate(flat, axis=1, dtype=np.float64))


def number_of(packed: Array) -> int:
    """Return the sweep number of a packed message."""
    return int(packed[0, 0])


def unpacked(packed: Array, dim: int, vectors: int) -> SweepMessage:
    """Return the message that ``packed`` holds.

    Parameters
    ----------
    packed
        Result of ``SweepMessage.packed``, one row for each sample.
    dim
        Dimension of the edge stalk.
    vectors
        Number of edge vectors in the message.
    """
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
    """Return the candidate that each sample takes, or ``otherwise`` if it takes none.

    Parameters
    ----------
    state
        State whose ``taken`` gives the candidate of each sample.
    candidates
        Candidates, shape (shares, dim, batch).
    otherwise
        Values of the samples that take none, shape (dim, batch).
    """
    taken = state.taken.astype(np.intp)
    best = np.take_along_axis(candidates, np.maximum(taken - 1, 0)[None, None, :], axis=0)[0]
    return np.where(taken > 0, best, otherwise)


def grain_of(x: Array, dtype: np.dtype[np.floating] | None = None) -> Array:
    """Return the unit of rounding of the largest coordinate of every sample, shape (batch,).

    Parameters
    ----------
    x
        Values, shape (dim, batch).
    dtype
        Precision in which the values are rounded; None (default) takes that of ``x``.
    """
    size = np.abs(x).max(axis=0).astype(np.float64)
    return np.asarray(np.finfo(dtype or x.dtype).eps * size)
