"""The base of local optimisers: a direction for one map, and how far to go along it."""

from __future__ import annotations

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
"""Size that no map is taken to be below when its step is bounded."""


class SavedState(NamedTuple):
    """The state of an optimiser of one map, to go on from.

    Attributes
    ----------
    steps
        How many it has taken.
    arrays
        What its direction is made of, by name.
    """

    steps: int
    arrays: Mapping[str, Array]


FRESH = SavedState(0, {})


class Direction(Protocol):
    """The state of one map: which way is down, after all that it has seen."""

    def arrays(self) -> dict[str, Array]:
        """Return what it is made of, from which it can be made again; not copied."""

    def __call__(self, stalk: Array, tension: Array) -> Array:
        """Return the way up, for [W b], as a new array of shape (n_out, n_in + 1).

        Parameters
        ----------
        stalk
            a at the tail, shape (n_in, batch).
        tension
            Derivative of each sample's loss by W a + b, shape (n_out, batch).
        """


class Moments:
    """Running means of one map, all there from the first step on, and how many steps there were."""

    def __init__(self, saved: SavedState) -> None:
        self._steps = saved.steps
        self._arrays = {name: array.copy() for name, array in saved.arrays.items()}

    def arrays(self) -> dict[str, Array]:
        """Return them by name; see ``Direction``."""
        return self._arrays


@dataclass(frozen=True)
class Optimiser(abc.ABC):
    """How a map learns. Instances hold settings only; the owner of a map keeps its state.

    Attributes
    ----------
    rate
        Of the first step after the warm-up.
    schedule
        ``"constant"``, or ``"cosine"``, which falls from there to 0 over the whole training
        (Loshchilov & Hutter, "SGDR", 2017).
    warmup
        Steps over which the rate rises to ``rate`` in a straight line.
    weight_decay
        Share of W, not of b, that is taken off in each step, times the rate: decoupled from the
        gradient (Loshchilov & Hutter, "Decoupled weight decay regularization", 2019).
    clip
        Longest step, the decay aside, as a share of ‖[W b]‖ in Frobenius' norm, or of 0.1 where
        that is less, so that a map of zeros can learn; None for any.

    Raises
    ------
    InputError
        If a setting is out of range.
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
        """Return what must hold of the settings, and whether it does."""
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
        """Return the direction of a map from a saved state."""

    def start(self, steps: int, saved: SavedState = FRESH) -> OptimiserState:
        """Return the state of one map in a training of so many steps, new or saved."""
        return OptimiserState(self, steps, saved)

    def rate_at(self, step: int, steps: int) -> float:
        """Return the rate of a step, from 0, of so many."""
        if step < self.warmup:
            return self.rate * (step + 1) / self.warmup
        if self.schedule == "constant":
            return self.rate
        share = (step - self.warmup) / max(steps - self.warmup, 1)
        return 0.5 * self.rate * (1.0 + math.cos(math.pi * min(share, 1.0)))


class Learned(NamedTuple):
    """A map after a step, and the length of the step, the decay aside, in Frobenius' norm."""

    map: Affine
    step: float


class OptimiserState:
    """The optimiser of one map at work, kept by the owner of the map."""

    def __init__(self, optimiser: Optimiser, steps: int, saved: SavedState = FRESH) -> None:
        self._optimiser = optimiser
        self._steps = steps
        self._step = saved.steps
        self._saved = saved
        # Made from copies by whoever takes the first step: a state may have travelled, and
        # arrays that have are read-only.
        self._direction: Direction | None = None

    def save(self) -> SavedState:
        """Return all that it takes to go on from here."""
        if self._direction is None:
            return self._saved
        arrays = {name: array.copy() for name, array in self._direction.arrays().items()}
        return SavedState(self._step, arrays)

    def step(self, before: Affine, stalk: Array, tension: Array) -> Learned:
        """Return the map after one more step; see ``Direction`` for the arrays."""
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
    """Return Frobenius' norm."""
    flat = array.ravel()
    return math.sqrt(float(flat @ flat))


def gradient(stalk: Array, tension: Array) -> Array:
    """Return t āᵀ/B with ā = [a; 1]: the mean over the batch, for [W b].

    Shapes (n_in, batch) and (n_out, batch) give (n_out, n_in + 1).
    """
    dim, batch = stalk.shape
    g = np.empty((tension.shape[0], dim + 1), tension.dtype)
    g[:, :-1] = tension @ stalk.T
    g[:, -1] = np.add.reduce(tension, axis=1)
    g *= 1.0 / batch
    return g
