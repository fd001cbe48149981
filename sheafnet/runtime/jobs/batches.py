"""Batches: the samples of each step of a training, drawn from shuffled epochs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sheafnet.core.stalkpins import Columns
from sheafnet.runtime.random_streams import stream


@dataclass(frozen=True)
class Shuffled:
    """Batches of one size from a sequence of shuffled epochs.

    An epoch is all samples in a random order. The epochs follow each other in one endless sequence
    of samples. Step t, counted from 0, takes the elements t · size … (t + 1) · size − 1 of this
    sequence. Therefore a batch may begin in one epoch and end in the next. If a batch contains all
    samples, they are not shuffled. A batch depends only on the seed and the step. The orders of the
    last two epochs are cached.

    Attributes
    ----------
    samples
        Number of samples, at least 1.
    size
        Number of samples in a batch, from 1 to ``samples``.
    seed
        Seed of the random orders; a whole number, at least 0.
    """

    samples: int
    size: int
    seed: int

    def columns(self, step: int) -> Columns:
        """Return the columns of the data that are the samples of a step.

        The result is an array of indices, shape (size,), or a slice if a batch contains all
        samples.

        Parameters
        ----------
        step
            Number of the step, counted from 0.

        Raises
        ------
        InputError
            If the seed is negative or not a whole number, and a batch does not contain all
            samples.
        """
        if self.size == self.samples:
            return slice(None)
        epoch, offset = divmod(step * self.size, self.samples)
        row = self._order(epoch)[offset : offset + self.size]
        missing = self.size - len(row)
        return np.concatenate([row, self._order(epoch + 1)[:missing]]) if missing else row

    def _order(self, epoch: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Return the order of the samples in an epoch, shape (samples,)."""
        known = self._orders
        if epoch not in known:
            for old in [e for e in known if e < epoch - 1]:
                del known[old]
            rng = stream(self.seed, "batches", str(epoch))
            known[epoch] = rng.permutation(self.samples)
        return known[epoch]

    @cached_property
    def _orders(self) -> dict[int, np.ndarray[tuple[int], np.dtype[np.int64]]]:
        """Epoch → order of the samples, for the epochs in the cache."""
        return {}
