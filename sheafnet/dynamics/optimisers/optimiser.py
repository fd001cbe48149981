"""The base class of local optimisers, and the state of one optimiser at one map.

A subclass determines the direction of an update. The base class determines its length.
"""

import abc
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, get_args

import numpy as np

from sheafnet.core.arrays import Array
from sheafnet.core.maps import Affine
from sheafnet.errors import InputError, nearest

Schedule = Literal["constant", "cosine"]


SMALLEST = 0.1
"""Least value of ‖[W b]‖ that ``clip`` uses, so that a map of zeros can be updated."""


class SavedState(NamedTuple):
    """The saved state of an optimiser at one map, from which training can be resumed.

    Attributes
    ----------
    steps
        Number of updates made.
    arrays
        Arrays that the direction keeps, by name; see ``Direction.arrays``.
    """

    steps: int
    arrays: Mapping[str, Array]


FRESH = SavedState(0, {})


class Direction(Protocol):
    """A function that computes the direction of each update of one map, and keeps a state.

    The map is affine, W a + b, where W has shape (n_out, n_in). [W b] is W with the column b
    appended. The state may be means of past gradients, for example. It stays with the owner of the
    map and is never sent to a neighbour.
    """

    def arrays(self) -> dict[str, Array]:
        """Return the arrays of the state by name, without copying them.

        From these arrays ``Optimiser.direction`` can make a new direction with the same state.
        """

    def __call__(self, stalk: Array, tension: Array) -> Array:
        """Return the direction for one batch, a new array of shape (n_out, n_in + 1) for [W b].

        The direction has the sign of a gradient: the update adds −rate times the result to [W b].

        Parameters
        ----------
        stalk
            Stalk a at the tail of the edge, shape (n_in, batch).
        tension
            Derivative of each sample's loss with respect to W a + b, or the vector that a learning
            rule uses for it, shape (n_out, batch).
        """


class Moments:
    """A base class for directions that keep running means and the number of updates made.

    Parameters
    ----------
    saved
        State to continue from. Its arrays are copied, because the arrays of a state that came from
        another host are read-only.
    """

    def __init__(self, saved: SavedState) -> None:
        self._steps = saved.steps
        self._arrays = {name: array.copy() for name, array in saved.arrays.items()}

    def arrays(self) -> dict[str, Array]:
        """Return the running means by name; empty before the first update."""
        return self._arrays


@dataclass(frozen=True)
class Optimiser(abc.ABC):
    """The settings of the updates of affine maps W a + b: the base class of all optimisers.

    An instance holds settings only, and all vertices share it. The owner of each map (the vertex at
    the tail of its edge) keeps a state for the map, an ``OptimiserState``. Below, [W b] is W with
    the column b appended. The guide ``sheafnet.dynamics.optimisers`` explains how to write an
    optimiser.

    Parameters
    ----------
    rate
        Learning rate in the first update after the warm-up; positive and finite.
    schedule
        ``"constant"`` (default) keeps the rate after the warm-up; ``"cosine"`` lowers it along half
        a cosine to 0 at the end of the training (Loshchilov & Hutter, "SGDR", 2017).
    warmup
        Number of updates at the start during which the rate rises linearly to ``rate``; 0 (default)
        for no warm-up.
    weight_decay
        Factor λ of the weight decay, 0 or more: every update also subtracts the present rate times
        λ W from W, and nothing from b. It is decoupled from the gradient (Loshchilov & Hutter,
        "Decoupled weight decay regularization", 2019). 0 (default) for no weight decay.
    clip
        Upper bound on the Frobenius norm of an update without the weight decay, as a multiple of
        ‖[W b]‖. If ‖[W b]‖ is below 0.1, then 0.1 is used, so that a map of zeros can be updated.
        Positive; None (default) for no bound.

    Raises
    ------
    InputError
        If ``rate``, ``warmup``, ``weight_decay``, ``clip`` or a setting of a subclass is out of its
        range, or if ``schedule`` is not one of the two names above.
    """

    rate: float
    schedule: Schedule = "constant"
    warmup: int = 0
    weight_decay: float = 0.0
    clip: float | None = None

    def __post_init__(self) -> None:
        name = type(self).__name__.lower()
        if self.schedule not in get_args(Schedule):
            hint = nearest(str(self.schedule), get_args(Schedule))
            raise InputError(f"{name}: no schedule {self.schedule!r}{hint}")
        for rule, holds in self.checks().items():
            if not holds:
                raise InputError(f"{name}: {rule}")

    def checks(self) -> dict[str, bool]:
        """Return the conditions on the settings: error text → whether the condition holds.

        A subclass with settings of its own adds their conditions to those of ``super().checks()``.
        """
        return {
            f"rate is {self.rate}; it must be positive and finite": 0.0 < self.rate < math.inf,
            f"warmup is {self.warmup}; it must be 0 or more": self.warmup >= 0,
            f"weight_decay is {self.weight_decay}; it must be 0 or more": (
                0.0 <= self.weight_decay < math.inf
            ),
            f"clip is {self.clip}; it must be positive": self.clip is None or self.clip > 0.0,
        }

    @abc.abstractmethod
    def direction(self, saved: SavedState = FRESH) -> Direction:
        """Return a new direction for one map, with the state ``saved``.

        Parameters
        ----------
        saved
            State to continue from; by default the state before the first update, without arrays.

        Returns
        -------
        Direction
            An object that satisfies ``sheafnet.dynamics.optimisers.optimiser.Direction``.
        """

    def start(self, steps: int, saved: SavedState = FRESH) -> "OptimiserState":
        """Return a new state of this optimiser for one map.

        Parameters
        ----------
        steps
            Number of updates of the map in the whole training; the schedule depends on it.
        saved
            State to continue from; by default the state before the first update.
        """
        return OptimiserState(self, steps, saved)

    def rate_at(self, step: int, steps: int) -> float:
        """Return the learning rate of one update, as warm-up and schedule determine it.

        Parameters
        ----------
        step
            Number of the update, from 0.
        steps
            Number of updates of the map in the whole training.
        """
        if step < self.warmup:
            return self.rate * (step + 1) / self.warmup
        if self.schedule == "constant":
            return self.rate
        share = (step - self.warmup) / max(steps - self.warmup, 1)
        return 0.5 * self.rate * (1.0 + math.cos(math.pi * min(share, 1.0)))


class Learned(NamedTuple):
    """The map after an update, and the Frobenius norm of the update without the weight decay."""

    map: Affine
    step: float


class OptimiserState:
    """The state of an optimiser at one map, kept by the owner of the map.

    Parameters
    ----------
    optimiser
        The settings.
    steps
        Number of updates of the map in the whole training.
    saved
        State to continue from; by default the state before the first update.
    """

    def __init__(self, optimiser: Optimiser, steps: int, saved: SavedState = FRESH) -> None:
        self._optimiser = optimiser
        self._steps = steps
        self._step = saved.steps
        self._saved = saved
        # The direction is made at the first update. It copies the arrays, because the arrays of a
        # state that came from another host are read-only.
        self._direction: Direction | None = None

    def save(self) -> SavedState:
        """Return a copy of the state, from which training can be resumed."""
        if self._direction is None:
            return self._saved
        arrays = {name: array.copy() for name, array in self._direction.arrays().items()}
        return SavedState(self._step, arrays)

    def step(self, before: Affine, stalk: Array, tension: Array) -> Learned:
        """Return the map after one more update, and the norm of this update.

        Parameters
        ----------
        before
            The map before the update.
        stalk
            Stalk a at the tail of the edge, shape (n_in, batch).
        tension
            Derivative of each sample's loss with respect to W a + b, shape (n_out, batch).
        """
        optimiser = self._optimiser
        rate = optimiser.rate_at(self._step, self._steps)
        self._step += 1
        if self._direction is None:
            self._direction = optimiser.direction(self._saved)
        move = self._direction(stalk, tension)
        move *= -rate
        length = norm(move)
        if optimiser.clip is not None:
            size = math.hypot(norm(before.matrix), norm(before.bias))
            longest = optimiser.clip * max(size, SMALLEST)
            if length > longest:
                move *= longest / length
                length = longest
        W, b = move[:, :-1], move[:, -1]
        if optimiser.weight_decay:
            W -= rate * optimiser.weight_decay * before.matrix
        return Learned(before.shifted(W, b), length)


def norm(array: Array) -> float:
    """Return the Frobenius norm of ``array``."""
    flat = array.ravel()
    return math.sqrt(float(flat @ flat))


def gradient(stalk: Array, tension: Array) -> Array:
    """Return t āᵀ/B with ā = [a; 1], the mean gradient for [W b] over a batch of B samples.

    Parameters
    ----------
    stalk
        Stalk a at the tail, shape (n_in, batch).
    tension
        Tension t of the edge, shape (n_out, batch).

    Returns
    -------
    numpy.ndarray
        A new array of shape (n_out, n_in + 1); its last column is for b.
    """
    dim, batch = stalk.shape
    g = np.empty((tension.shape[0], dim + 1), tension.dtype)
    g[:, :-1] = tension @ stalk.T
    g[:, -1] = np.add.reduce(tension, axis=1)
    g *= 1.0 / batch
    return g
