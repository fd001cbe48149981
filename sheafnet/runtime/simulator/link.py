"""One direction between two hosts: draws delay and loss from streams of its own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sheafnet.runtime.simulator.latency import Latency
from sheafnet.runtime.streams import stream

BLOCK = 32
"""Draws at a time: enough to spread the cost of a call, few enough for 100,000 links."""


class Link:
    """Decides the fate of each frame from ``sender`` to ``receiver``.

    Parameters
    ----------
    seed
        Of the run.
    sender, receiver
        Host names; they name the random streams.
    latency
        Law of delays.
    loss
        Probability that a frame never arrives.
    """

    def __init__(
        self, seed: int, sender: str, receiver: str, latency: Latency, loss: float
    ) -> None:
        self._loss = loss
        self._delays = _endless(latency, stream(seed, "latency", sender, receiver))
        self._chances = _endless(None, stream(seed, "loss", sender, receiver))

    def fate(self) -> float | None:
        """Return the delay of the next frame; None if it is lost."""
        delay = next(self._delays)
        return None if next(self._chances) < self._loss else delay


def _endless(latency: Latency | None, rng: np.random.Generator) -> Iterator[float]:
    """Yield draws, a block at a time: one call into NumPy for each would cost more."""
    while True:
        block: NDArray[np.float64]
        block = rng.random(BLOCK) if latency is None else latency.draw(rng, BLOCK)
        yield from block.tolist()
