"""What vertices have done so far: numbers that only grow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sheafnet.dynamics.inbox import STALENESS_CLASSES


@dataclass(frozen=True)
class Account:
    """The work of some vertices, in one life of theirs or summed over several.

    Attributes
    ----------
    updates
        Vertex → its steps.
    delivered
        (edge, sender, receiver) → messages that were news to the receiver, which counts them.
    staleness
        How many of them were of each class; see ``STALENESS_CLASSES``.
    staleness_sum, max_staleness
        Sum and maximum of their staleness, in steps of their sender.
    frames
        Frames sent to other hosts.
    frame_bytes
        (sending host, receiving host) → bytes sent.
    refused
        Reason → frames and messages that a host did not take in.
    """

    updates: Mapping[str, int]
    delivered: Mapping[tuple[str, str, str], int]
    staleness: tuple[int, ...] = (0,) * STALENESS_CLASSES
    staleness_sum: int = 0
    max_staleness: int = 0
    frames: int = 0
    frame_bytes: Mapping[tuple[str, str], int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)

    @property
    def messages(self) -> int:
        """Messages that were news to their receiver."""
        return sum(self.delivered.values())

    @property
    def ledger(self) -> dict[tuple[str, str], int]:
        """(sender, receiver) → messages that were news to the receiver."""
        ledger: Counter[tuple[str, str]] = Counter()
        for (_, sender, receiver), count in self.delivered.items():
            ledger[sender, receiver] += count
        return dict(ledger)


def total(accounts: Iterable[Account]) -> Account:
    """Return the sum of ``accounts``."""
    updates: Counter[str] = Counter()
    delivered: Counter[tuple[str, str, str]] = Counter()
    frame_bytes: Counter[tuple[str, str]] = Counter()
    refused: Counter[str] = Counter()
    staleness = [0] * STALENESS_CLASSES
    staleness_sum = max_staleness = frames = 0
    for account in accounts:
        # Counters keep keys whose count is 0 when updated, unlike when added.
        updates.update(account.updates)
        delivered.update(account.delivered)
        frame_bytes.update(account.frame_bytes)
        refused.update(account.refused)
        staleness = [a + b for a, b in zip(staleness, account.staleness, strict=True)]
        staleness_sum += account.staleness_sum
        max_staleness = max(max_staleness, account.max_staleness)
        frames += account.frames
    return Account(
        updates=dict(updates),
        delivered=dict(delivered),
        staleness=tuple(staleness),
        staleness_sum=staleness_sum,
        max_staleness=max_staleness,
        frames=frames,
        frame_bytes=dict(frame_bytes),
        refused=dict(refused),
    )
