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

    The epochs follow each other in one endless sequence of samples. Step t takes the elements
    t · size … (t + 1) · size − 1, so each epoch uses every sample once, and a batch may begin in
    one epoch and end in the next. With all samples in a batch there is nothing to shuffle. A batch
    depends only on the seed and the step; the orders of the last two epochs are cached.

    Attributes
    ----------
    samples
        Number of samples, at least 1.
    size
        Number of samples in a batch, from 1 to ``samples``.
    seed
        Seed of the orders; a whole number, at least 0.
    """

    samples: int
    size: int
    seed: int

    def columns(self, step: int) -> Columns:
        """Return the columns of the samples of a step: all, or an array of indices, shape (size,).

        Parameters
        ----------
        step
            Number of the step, from 0.

        Raises
        ------
        InputError
            If the seed is negative or not a whole number, and there is something to shuffle.
        """
        if self.size == self.samples:
            return slice(None)
        epoch, offset = divmod(step * self.size, self.samples)
        row = self._order(epoch)[offset : offset + self.size]
        missing = self.size - len(row)
        return np.concatenate([row, self._order(epoch + 1)[:missing]]) if missing else row

    def _order(self, epoch: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        known = self._orders
        if epoch not in known:
            for old in [e for e in known if e < epoch - 1]:
                del known[old]
            rng = stream(self.seed, "batches", str(epoch))
            known[epoch] = rng.permutation(self.samples)
        return known[epoch]

    @cached_property
    def _orders(self) -> dict[int, np.ndarray[tuple[int], np.dtype[np.int64]]]:
        return {}
