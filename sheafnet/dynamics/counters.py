"""Counters of the steps and the messages of vertices. No count decreases during a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sheafnet.dynamics.inbox import STALENESS_CLASSES


class EdgeCost(NamedTuple):
    """The traffic of one edge, in both directions together.

    Attributes
    ----------
    messages
        Number of messages that the receivers kept, because they were newer than the messages in
        the inboxes; see ``Inbox.accept`` of ``sheafnet.dynamics.inbox``.
    sent
        Number of times that a message was put in a frame, the bytes sent from one host to another.
        Messages that were lost or repeated count too. If both ends of the edge are on one host,
        the number is 0.
    bytes
        Size in bytes of the arrays of the messages counted in ``sent``.
    """

    messages: int
    sent: int
    bytes: int


@dataclass(frozen=True)
class Counters:
    """The numbers of steps and messages of some vertices.

    The numbers of one host count from its last restart. ``sum_counters`` adds the numbers of
    several hosts, and of one host before and after a restart.

    Attributes
    ----------
    updates
        Vertex → number of its steps.
    delivered
        (edge, sender, receiver) → number of messages that the receiver kept, because they were
        newer than the messages in its inbox.
    staleness
        Number of delivered messages in each class of staleness. For staleness see
        ``sheafnet.dynamics.inbox.Inbox``, for its classes
        ``sheafnet.dynamics.inbox.STALENESS_CLASSES``.
    staleness_sum, max_staleness
        Sum and maximum of the staleness of delivered messages, in steps of their sender.
    frames
        Number of frames sent to other hosts.
    frame_bytes
        (sending host, receiving host) → bytes sent.
    carried, carried_bytes
        (edge, sender) → number of messages put in frames, repetitions included; and (edge, sender)
        → size in bytes of the arrays of these messages. Messages within one host are counted in
        ``delivered`` only, because no frame carries them.
    refused
        Reason → number of frames and messages that a host refused for this reason.
    """

    updates: Mapping[str, int]
    delivered: Mapping[tuple[str, str, str], int]
    staleness: tuple[int, ...] = (0,) * STALENESS_CLASSES
    staleness_sum: int = 0
    max_staleness: int = 0
    frames: int = 0
    frame_bytes: Mapping[tuple[str, str], int] = field(default_factory=dict)
    carried: Mapping[tuple[str, str], int] = field(default_factory=dict)
    carried_bytes: Mapping[tuple[str, str], int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)

    @property
    def edges(self) -> dict[str, EdgeCost]:
        """The traffic of every edge, by the name of the edge."""
        messages: Counter[str] = Counter()
        for (edge, _, _), count in self.delivered.items():
            messages[edge] += count
        sent: Counter[str] = Counter()
        size: Counter[str] = Counter()
        for (edge, sender), count in self.carried.items():
            sent[edge] += count
            size[edge] += self.carried_bytes[edge, sender]
        return {edge: EdgeCost(count, sent[edge], size[edge]) for edge, count in messages.items()}

    @property
    def messages(self) -> int:
        """The number of all messages that were kept by their receivers."""
        return sum(self.delivered.values())

    @property
    def ledger(self) -> dict[tuple[str, str], int]:
        """The number of messages that the receiver kept, for each pair (sender, receiver)."""
        ledger: Counter[tuple[str, str]] = Counter()
        for (_, sender, receiver), count in self.delivered.items():
            ledger[sender, receiver] += count
        return dict(ledger)


def sum_counters(parts: Iterable[Counters]) -> Counters:
    """Return the sum of all ``parts``; ``max_staleness`` is the maximum over ``parts``."""
    updates: Counter[str] = Counter()
    delivered: Counter[tuple[str, str, str]] = Counter()
    frame_bytes: Counter[tuple[str, str]] = Counter()
    carried: Counter[tuple[str, str]] = Counter()
    carried_bytes: Counter[tuple[str, str]] = Counter()
    refused: Counter[str] = Counter()
    staleness = [0] * STALENESS_CLASSES
    staleness_sum = max_staleness = frames = 0
    for counters in parts:
        # Counter.update keeps keys whose count is 0; adding two Counters would drop them.
        updates.update(counters.updates)
        delivered.update(counters.delivered)
        frame_bytes.update(counters.frame_bytes)
        carried.update(counters.carried)
        carried_bytes.update(counters.carried_bytes)
        refused.update(counters.refused)
        staleness = [a + b for a, b in zip(staleness, counters.staleness, strict=True)]
        staleness_sum += counters.staleness_sum
        max_staleness = max(max_staleness, counters.max_staleness)
        frames += counters.frames
    return Counters(
        updates=dict(updates),
        delivered=dict(delivered),
        staleness=tuple(staleness),
        staleness_sum=staleness_sum,
        max_staleness=max_staleness,
        frames=frames,
        frame_bytes=dict(frame_bytes),
        carried=dict(carried),
        carried_bytes=dict(carried_bytes),
        refused=dict(refused),
    )
