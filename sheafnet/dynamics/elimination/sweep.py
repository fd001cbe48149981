"""The message of a sweep along a path, and the decision of the output after each sweep up.

A sweep is a chain of messages along the whole path. A sweep down goes from the output to the input,
and the following sweep up goes from the input to the output; above means towards the output. The
*pattern* says of each unit of a gate whether it is active (z > 0), inactive (z < 0) or on its kink
(z = 0). A *candidate* is a possible new stalk, at a fixed share of the way to the minimum for this
pattern. Each sample has its own *plan*, which says what its stalks do in a sweep down and in the
following sweep up:

    SOLVE   down: the value of each affine map's edge is computed (the least energy of this edge
            and of all edges above it); up: each vertex stores candidates
    n > 0   down and up: each stalk moves to the minimum of the energy of its own edges, a proximal
            step; n proximal rounds, this one included, are left
    HOLD    the stalks stay as they are

Under every plan a preactivation z takes its proximal step on the way down; this step gives the
pattern. Under HOLD, z is already at that minimum. The *force* is the part of −∇E that can move a
stalk. After a sweep up, the output chooses the next plan of each sample, and whether the vertices
take a candidate as their stalk:

    plan          condition                                           next plan   candidate
    SOLVE, HOLD   the force is at the level of rounding errors, and   HOLD        none
                  a solve would not shrink it further
    HOLD          the force is larger                                 SOLVE       none
    SOLVE         a candidate has a lower energy than the stalks      SOLVE       the lowest
    SOLVE         no candidate has a lower energy                     rounds      none
    n > 1         always                                              n − 1       none
    1             always                                              SOLVE       none

Here ``rounds`` is the number of proximal rounds that the rule sets. The candidate at share 1 also
counts as lower if its pattern is that of the stalks and its energy is equal up to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

import numpy as np

from sheafnet.core.arrays import Array, frozen

SOLVE = 0.0
HOLD = -1.0

SHARES = 0.5 ** np.array([0.0, 1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20])[:, None, None]
"""Shares of the way from the stalks to the minimum for the pattern, shape (shares, 1, 1).

The energy falls at the beginning of the way. The pattern may change before the end of the way, and
beyond such a change the energy may rise. Therefore smaller shares are tried as well."""

CANDIDATES = len(SHARES)
"""Number of candidates that a solve gives for each stalk and sample, one for each share."""

ROUNDING = 4.0
"""A force of at most this many times its rounding error counts as zero."""

SHRINKAGE = 0.5
"""Factor of the force below which a solve counts as progress.

When the force of a sample is at the level of rounding errors, the sample is solved again as long as
its force is smaller than this factor times its force in the preceding sweep down."""

SLACK = 4.0
"""An energy that rises by at most this many times its rounding error counts as unchanged."""


@dataclass(frozen=True, eq=False)
class SampleState:
    """State of each sample in a sweep; every array but ``after`` has shape (batch,).

    Down means towards the input, up towards the output.

    Attributes
    ----------
    plan
        SOLVE, HOLD, or the number of proximal rounds left.
    solves
        Number of solves so far; it includes this sweep if the plan is SOLVE.
    taken
        Number of the candidate that becomes the stalk on the way down, counted from 1; 0 if none
        does.
    before
        Energy of the stalks, summed over the edges that the sweep has passed on the way down.
    blur
        Bound on the rounding error of ``before``.
    scale
        Unit of rounding of the largest coordinate of all vertices passed on the way down: machine
        epsilon times its absolute value.
    force
        Largest absolute value of the force on a coordinate of a stalk a, of all vertices passed on
        the way down.
    excess
        Largest excess of that force over ``ROUNDING`` times its rounding error; 0 if there is none.
    last
        ``force`` of the sweep down before this one; infinite in the first.
    grain
        Rounding error of the vectors of this message; only the vertex that receives it uses it.
    same
        1 if the candidate at share 1 has the same pattern as the stalks at every vertex passed on
        the way up, otherwise 0.
    after
        Energy of each candidate, summed over the edges that the sweep has passed on the way up,
        shape (shares, batch).
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
        """Return the state of ``batch`` samples before the first sweep. All have the plan SOLVE."""
        rows = np.zeros((len(fields(cls)) - 1, batch))
        blank = cls(*[*rows, np.zeros((CANDIDATES, batch))])
        return replace(blank, force=np.full(batch, np.inf))

    def planned(self, plan: Array | float, taken: Array | float = 0.0) -> SampleState:
        """Return the state at the beginning of a sweep.

        Parameters
        ----------
        plan
            Plan of each sample, shape (batch,), or one plan for all samples.
        taken
            Number of the candidate that each sample takes, counted from 1, shape (batch,), or one
            number for all samples; 0 (default) means that no candidate is taken.
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
        """Return the state at the beginning of the next sweep, chosen after a sweep up has ended.

        The choice for each sample is its next plan, and the candidate (possible new stalk) that it
        takes, if any. The second table of this module gives the choice.

        Parameters
        ----------
        rounds
            Number of proximal rounds for a sample none of whose candidates has a lower energy than
            its stalks.
        precision
            Machine epsilon of the precision of the stalks.
        """
        solving, stepping = self.plan == SOLVE, self.plan > 0.0
        after = np.where(np.isnan(self.after), np.inf, self.after)
        # If the pattern stays the same, a solve cannot raise the energy, so a small increase is a
        # rounding error. The candidate at share 1 is then taken, since it reduces the force.
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
"""Length of the part of each row of a packed message that precedes the vectors."""


@dataclass(frozen=True, eq=False)
class SweepMessage:
    """Message of a sweep, from one vertex of the path to a neighbour.

    Attributes
    ----------
    number
        Number of the sweep.
    origin
        Number that the sweep had when the output began it. A restarted vertex changes ``number``
        but not ``origin``. 0 if the sweep began at the first z.
    state
        State of each sample.
    vectors
        Edge vectors, shape (vectors, dim, batch).
    curvature
        Matrix J of the quadratic ½ vᵀ J v + hᵀ v that a sweep down carries, shape
        (batch, dim, dim); None in a sweep up. The quadratic is the value of an affine map's edge:
        the least energy of this edge and of all edges nearer to the output. The vector h is the
        last of ``vectors``.
    """

    number: int
    origin: int
    state: SampleState
    vectors: Array = field(default_factory=lambda: np.empty((0, 0, 0)))
    curvature: Array | None = None

    def packed(self) -> Array:
        """Return the message as one array with a row for each sample.

        One array arrives completely or not at all.
        """
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
    """Return the message that was packed into an array.

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
    """Return for each sample the candidate that it takes, or its column of ``otherwise``.

    A candidate is a possible new value of a stalk or of a projection.

    Parameters
    ----------
    state
        State whose ``taken`` gives the candidate of each sample.
    candidates
        Candidates, shape (shares, dim, batch).
    otherwise
        Values of the samples that take no candidate, shape (dim, batch).
    """
    taken = state.taken.astype(np.intp)
    best = np.take_along_axis(candidates, np.maximum(taken - 1, 0)[None, None, :], axis=0)[0]
    return np.where(taken > 0, best, otherwise)


def grain_of(x: Array, dtype: np.dtype[np.floating] | None = None) -> Array:
    """Return the unit of rounding of the largest coordinate of every sample, shape (batch,).

    It is machine epsilon times the absolute value of that coordinate.

    Parameters
    ----------
    x
        Values, shape (dim, batch).
    dtype
        Precision in which the values are rounded. With None (default) it is the precision of ``x``.
    """
    size = np.abs(x).max(axis=0).astype(np.float64)
    return np.asarray(np.finfo(dtype or x.dtype).eps * size)
