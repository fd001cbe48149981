"""Batches: the samples that each step of a training is made from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sheafnet.core.stalkpins import Columns
from sheafnet.runtime.random_streams import stream


@dataclass(frozen=True)
class Shuffled:
    """One shuffled epoch after the other, cut into batches of one size.

    Step t has the samples t · size … (t + 1) · size − 1 of that endless row, so that every sample
    is seen equally often, and a batch may begin in one epoch and end in the next. With all samples
    in a batch there is nothing to shuffle. Nothing is kept but the last two epochs, so that
    whoever knows seed and step knows the batch.

    Attributes
    ----------
    samples
        How many there are.
    size
        Of a batch, no more than that.
    seed
        Of the order.
    """

    samples: int
    size: int
    seed: int

    def columns(self, step: int) -> Columns:
        """Return the samples of a step, from 0."""
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
