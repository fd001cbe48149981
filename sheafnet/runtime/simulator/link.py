"""One direction between two hosts: what becomes of each frame, drawn from streams of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sheafnet.runtime.random_streams import stream
from sheafnet.runtime.simulator.channel import Channel, Partition
from sheafnet.runtime.simulator.latency import Latency

BLOCK: Final = 32
"""Draws at a time: enough to spread the cost of a call, few enough for 100,000 links."""

LOST: Final = (None,)


class Link:
    """Decides the fate of each frame from ``sender`` to ``receiver``.

    Parameters
    ----------
    seed
        Of the run.
    sender, receiver
        Host names; they name the random streams.
    channel
        What happens there.
    partitions
        Those that part the two hosts.
    """

    def __init__(
        self,
        seed: int,
        sender: str,
        receiver: str,
        channel: Channel,
        partitions: Sequence[Partition] = (),
    ) -> None:
        self._loss, self._duplication = channel.loss, channel.duplication
        self._bandwidth = channel.bandwidth
        self._partitions = partitions
        self._free_at = 0.0
        self._delays = endless(channel.latency, stream(seed, "latency", sender, receiver))
        self._losses = self._copies = None
        if channel.loss:
            self._losses = endless(None, stream(seed, "loss", sender, receiver))
        if channel.duplication:
            self._copies = endless(None, stream(seed, "duplication", sender, receiver))

    def delay(self) -> float:
        """Return how long the next thing takes that is neither lost nor queues."""
        return next(self._delays)

    def fate(self, now: float, size: int) -> tuple[float | None, ...]:
        """Return the delay of each copy of a frame of so many bytes; None if it is lost."""
        queued = 0.0
        if self._bandwidth is not None:
            self._free_at = max(now, self._free_at) + size / self._bandwidth
            queued = self._free_at - now
        delay = queued + next(self._delays)
        lost = self._losses is not None and next(self._losses) < self._loss
        if lost or (
            self._partitions and any(partition.holds(now) for partition in self._partitions)
        ):
            return LOST
        if self._copies is not None and next(self._copies) < self._duplication:
            return delay, queued + next(self._delays)
        return (delay,)


def endless(latency: Latency | None, rng: np.random.Generator) -> Iterator[float]:
    """Yield draws, a block at a time: one call into NumPy for each would cost more."""
    while True:
        block: NDArray[np.float64]
        block = rng.random(BLOCK) if latency is None else latency.draw(rng, BLOCK)
        yield from block.tolist()
