"""The send policy of a host: its window of frames in flight and its retransmission timeouts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SendPolicy:
    """The send window and the retransmission timeouts of an outbox.

    Attributes
    ----------
    first_timeout
        Time to wait for an acknowledgement before a round trip has been measured: virtual time on a
        simulator, seconds on a cluster; 10 by default. Later the timeout follows the measured round
        trips.
    window
        Largest number of frames in flight to a peer, at least 1; 4 by default. While the window is
        full, a newer message replaces an unsent one of the same key.
    min_timeout
        Shortest timeout, in the same unit; 0 by default. On a busy machine the operating system may
        delay a host for much longer than a round trip takes.
    """

    first_timeout: float = 10.0
    window: int = 4
    min_timeout: float = 0.0
