"""The send policy of a host: how many frames may be in flight, and when messages are resent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SendPolicy:
    """The send window of an outbox, and the timeouts after which it resends messages.

    A round trip is the time from sending a frame to the arrival of its acknowledgement.

    Attributes
    ----------
    first_timeout
        Time to wait for the acknowledgement of a frame before a round trip has been measured:
        virtual time on a simulator, seconds on a cluster; 10 by default. All later timeouts are
        computed from the measured round trips.
    window
        Largest number of frames in flight to a peer, at least 1; 4 by default. While so many frames
        are in flight, no message is sent, and a newer message replaces an unsent message of the
        same key (kind, edge, sender and tag).
    min_timeout
        Smallest timeout, in the unit of ``first_timeout``; 0 by default. On a busy machine the
        operating system may delay a host for much longer than a round trip takes. A larger value
        avoids needless resending in this case.
    """

    first_timeout: float = 10.0
    window: int = 4
    min_timeout: float = 0.0
