"""How a host sends to another: how much at a time, and when again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """How an outbox sends.

    Attributes
    ----------
    timeout
        How long to wait for an acknowledgement before the first one has been seen, in the
        caller's units of time. Later the wait follows the round trips that are measured.
    window
        How many frames may be unacknowledged at a time. What waits meanwhile is replaced by
        what is newer.
    shortest
        Never wait for an acknowledgement less than this, however short the round trips: on a
        busy machine a host may not get its turn for much longer than they take.
    """

    timeout: float = 10.0
    window: int = 4
    shortest: float = 0.0
