"""One direction of a link between two hosts; each direction has its own random streams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sheafnet.runtime.random_streams import stream
from sheafnet.runtime.simulator.channel import Channel, Partition
from sheafnet.runtime.simulator.latency import Latency

BLOCK: Final = 32
"""Number of random numbers that one call of NumPy draws. With more numbers in a block, each number
takes less time, but a block for each of 100,000 links must fit into memory."""

LOST: Final = (None,)


class Link:
    """One direction of a link: it draws the delay, loss and duplication of each frame.

    Parameters
    ----------
    seed
        Seed of the run.
    sender, receiver
        Names of the two hosts. The random streams depend on the seed and on these names.
    channel
        Latency, loss, duplication and bandwidth of this direction.
    partitions
        Partitions that have the two hosts on different sides; none by default.
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
        """Draw the delay of a control message (one from or to the coordinator) and return it.

        Control messages are neither lost nor queued.
        """
        return next(self._delays)

    def fate(self, now: float, size: int) -> tuple[float | None, ...]:
        """Decide whether a frame is lost or duplicated, and return the delay of each copy.

        A frame that is lost uses the bandwidth as well. Therefore it delays the frames after it.

        Parameters
        ----------
        now
            Virtual time of sending.
        size
            Number of bytes of the frame.

        Returns
        -------
        tuple of float or None
            The delays of the one or two copies, in virtual time; ``(None,)`` if the frame is lost.
        """
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
    """Yield random numbers without end.

    The numbers are drawn in blocks, since a call of NumPy for each number would take longer.

    Parameters
    ----------
    latency
        Probability law of the numbers. With None they are drawn uniformly from [0, 1).
    rng
        Random stream from which the numbers are drawn.
    """
    while True:
        block: NDArray[np.float64]
        block = rng.random(BLOCK) if latency is None else latency.draw(rng, BLOCK)
        yield from block.tolist()
