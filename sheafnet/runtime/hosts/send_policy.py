"""The send policy of a host: how many frames may be in flight, and when messages are resent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SendPolicy:
    """The send window of an outbox, and the timeouts after which it resends messages.

    Attributes
    ----------
    first_timeout
        Time to wait for the acknowledgement of a frame while no round trip has been measured:
        virtual time on a simulator, seconds on a cluster; 10 by default. Later the timeout is
        computed from the measured round trips.
    window
        Largest number of frames in flight to a peer, at least 1; 4 by default. While the window is
        full, a newer message replaces an unsent one of the same key.
    min_timeout
        Smallest timeout, in the unit of ``first_timeout``; 0 by default. On a busy machine the
        operating system may delay a host for much longer than a round trip takes; a larger value
        avoids needless repetitions there.
    """

    first_timeout: float = 10.0
    window: int = 4
    min_timeout: float = 0.0
