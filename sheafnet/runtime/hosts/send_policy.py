"""The send policy of a host: the window of frames in flight, and the retransmission timeouts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SendPolicy:
    """The send window and the retransmission timeouts of an outbox.

    Attributes
    ----------
    first_timeout
        How long to wait for an acknowledgement before the first one has been seen, in the
        caller's units of time. Later the wait follows the round trips that are measured.
    window
        How many frames may be unacknowledged at a time. What waits meanwhile is replaced by
        what is newer.
    min_timeout
        Never wait for an acknowledgement less than this, however short the round trips: on a
        busy machine a host may not get its turn for much longer than they take.
    """

    first_timeout: float = 10.0
    window: int = 4
    min_timeout: float = 0.0
