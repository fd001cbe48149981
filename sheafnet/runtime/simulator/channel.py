"""Channels and partitions: what a user says of the frames between two hosts."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sheafnet.core.scalars import unbox
from sheafnet.errors import InputError
from sheafnet.runtime.simulator.latency import Constant, Latency

DEFAULT_LATENCY = Constant(1.0)


@dataclass(frozen=True)
class Channel:
    """One direction between two hosts.

    Frames overtake each other wherever delays differ.

    Attributes
    ----------
    latency
        How long a frame is on its way, in units of virtual time.
    loss
        Probability that a frame never arrives, 0 up to but not 1.
    duplication
        Probability that a frame arrives twice, the second time with a delay of its own.
    bandwidth
        Bytes that pass in a unit of virtual time; frames queue for their turn, in order. None
        is no limit.

    Raises
    ------
    InputError
        If a setting is out of range.
    """

    latency: Latency = DEFAULT_LATENCY
    loss: float = 0.0
    duplication: float = 0.0
    bandwidth: float | None = None

    def __post_init__(self) -> None:
        unbox(self)
        checks = {
            "loss must be at least 0 and below 1": 0.0 <= self.loss < 1.0,
            "duplication must be from 0 to 1": 0.0 <= self.duplication <= 1.0,
            "bandwidth must be positive": self.bandwidth is None or 0.0 < self.bandwidth < math.inf,
        }
        for rule, holds in checks.items():
            if not holds:
                raise InputError(f"simulator: {rule}")


@dataclass(frozen=True)
class Partition:
    """A time in which whatever is sent between some hosts and others is lost.

    Once, it is a network partition that heals; with ``every``, a link that flaps.

    Attributes
    ----------
    hosts
        Those on one side.
    start, end
        Virtual times.
    others
        Those on the other side; None is everybody else.
    every
        After how long it comes again, for ever; None is once.

    Raises
    ------
    InputError
        If it has no host, ends before it starts, never ends, or leaves no time between.
    """

    hosts: tuple[str, ...]
    start: float
    end: float
    others: tuple[str, ...] | None = None
    every: float | None = None

    def __post_init__(self) -> None:
        unbox(self)
        lasts = self.end - self.start
        checks = {
            "has no hosts": bool(self.hosts) and self.others != (),
            "has hosts on both sides": not set(self.hosts) & set(self.others or ()),
            "must start at 0 or later and end after that": 0.0 <= self.start < self.end,
            "never ends, so that no run could converge": self.end < math.inf,
            "comes again before it has ended": self.every is None or lasts < self.every < math.inf,
        }
        for rule, holds in checks.items():
            if not holds:
                raise InputError(
                    f"simulator: the partition of {', '.join(self.hosts) or 'nobody'} {rule}"
                )

    def separates(self, sender: str, receiver: str) -> bool:
        """Return whether the two hosts are on different sides."""

        def across(one: str, other: str) -> bool:
            beyond = other not in self.hosts if self.others is None else other in self.others
            return one in self.hosts and beyond

        return across(sender, receiver) or across(receiver, sender)

    def holds(self, now: float) -> bool:
        """Return whether it is in force at this time."""
        since = now - self.start
        if self.every is not None and since >= 0.0:
            since %= self.every
        return 0.0 <= since < self.end - self.start
