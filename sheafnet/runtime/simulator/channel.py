"""The settings that delay, lose or duplicate frames: channels between hosts, and partitions."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sheafnet.core.scalars import unbox
from sheafnet.errors import InputError
from sheafnet.runtime.simulator.latency import Constant, Latency

DEFAULT_LATENCY = Constant(1.0)


@dataclass(frozen=True)
class Channel:
    """The behaviour of one direction of the link between two hosts.

    The delay of each frame is drawn independently. Therefore a frame may arrive before an earlier
    one.

    Parameters
    ----------
    latency
        Probability law of the delay of a frame, in virtual time. The default is a constant 1.0.
    loss
        Probability that a frame is lost, at least 0 and below 1. The default is 0.
    duplication
        Probability that a frame that is not lost arrives twice, from 0 to 1. The delay of the
        second copy is drawn separately. The default is 0.
    bandwidth
        Bytes that the channel carries in one unit of virtual time; positive and finite. Frames
        queue in the order of sending, and the time in the queue is added to their delay. With None
        (default) there is no limit.

    Raises
    ------
    InputError
        If ``loss``, ``duplication`` or ``bandwidth`` is outside its range.
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
    """A period in which every frame sent between two groups of hosts is lost.

    Frames are lost in both directions. A frame that was sent before the period still arrives.
    Without ``every`` the period occurs once. With ``every`` it recurs until the run ends.

    Parameters
    ----------
    hosts
        Names of the hosts on one side, at least one.
    start
        Virtual time at which the period begins, at least 0.
    end
        Virtual time at which the period ends, finite and larger than ``start``.
    others
        Names of the hosts on the other side. With None (default) these are all hosts that are not
        in ``hosts``.
    every
        Virtual time from the start of one period to the start of the next; finite and larger than
        ``end - start``. With None (default) the period occurs once.

    Raises
    ------
    InputError
        If ``hosts`` or ``others`` is empty, if a host is on both sides, if ``start`` is negative,
        if ``end`` is infinite or at most ``start``, or if ``every`` is infinite or at most
        ``end - start``.
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
        """Return whether two hosts are on different sides of the partition.

        Parameters
        ----------
        sender, receiver
            Names of the hosts; the order does not matter.
        """

        def across(one: str, other: str) -> bool:
            beyond = other not in self.hosts if self.others is None else other in self.others
            return one in self.hosts and beyond

        return across(sender, receiver) or across(receiver, sender)

    def holds(self, now: float) -> bool:
        """Return whether the partition is in force at ``now``.

        While it is in force, every frame sent between the two sides is lost, in both directions.

        Parameters
        ----------
        now
            Virtual time at which a frame is sent.
        """
        since = now - self.start
        if self.every is not None and since >= 0.0:
            since %= self.every
        return 0.0 <= since < self.end - self.start
