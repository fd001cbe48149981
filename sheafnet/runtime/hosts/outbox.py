"""The outbox of a host for one peer: it keeps messages and sends them until they are acknowledged.

A *peer* is another host with which this host exchanges frames. Each entry of the outbox is the
newest message of its key (kind, edge, sender and tag). An acknowledged entry stays in the outbox,
because it must be sent again if the peer restarts. It is dropped when a message with a larger tag
(of a later batch) is added. An entry is in one of three states::

    unsent ──take──▶ in flight ──a frame with it is acknowledged──▶ acknowledged
       ▲                 │                                              │
       ├─────────────────┘ the timer runs out                           │
       └── put (newer message), or the peer restarted ──────────────────┘

A frame may be acknowledged after its timer has run out. The entries in the frame are then
acknowledged as well. The round trip (the time from sending the frame to its acknowledgement) is
also measured in this case, so that later frames time out later.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sheafnet.dynamics.messages import Key, Message
from sheafnet.runtime.hosts.send_policy import SendPolicy

LONGEST_BACKOFF: Final = 32.0
"""Largest factor by which the timeout is multiplied while no frame arrives from the peer."""

REMEMBERED: Final = 1024
"""Largest number of timed-out frames whose acknowledgement is still accepted. A smaller number
would prevent the measurement of round trips that are many times longer than the timeout."""


class _FrameInFlight:
    """A frame in flight: when it was sent, and key and sequence number of each message in it."""

    __slots__ = ("carries", "sent_at")

    def __init__(self, sent_at: float, carries: list[tuple[Key, int]]) -> None:
        self.sent_at = sent_at
        self.carries = carries


class Outbox:
    """The messages for one peer, and the timer after which they are resent.

    Parameters
    ----------
    send_policy
        Limit on the number of frames in flight to the peer, and timeouts for resending messages.

    Attributes
    ----------
    may_send
        Whether an entry is unsent, and fewer frames are in flight than ``send_policy.window``.
    due
        Time at which the oldest frame in flight times out and ``expire`` must be called; None while
        no frame is in flight.
    """

    # ``may_send`` and ``due`` are attributes and not properties, since they are read far more often
    # than they change.

    def __init__(self, send_policy: SendPolicy) -> None:
        self.may_send = False
        self.due: float | None = None
        self._policy = send_policy
        self._window = send_policy.window
        self._latest: dict[Key, Message] = {}
        # The latest messages that are not acknowledged; and the unsent ones among them.
        self._unacknowledged: dict[Key, Message] = {}
        self._unsent: dict[Key, Message] = {}
        # Frame number → frame, in order of sending, so that the first frame is the oldest.
        self._in_flight: dict[int, _FrameInFlight] = {}
        self._timed_out: dict[int, _FrameInFlight] = {}
        self._number = 0
        self._smoothed: float | None = None
        self._variation = 0.0
        self._backoff = 1.0
        # Whether no frame has arrived from the peer since the timer last ran out.
        self._silent = True

    def put(self, message: Message) -> None:
        """Add ``message`` as an unsent entry, in place of any older message of its key.

        If the message belongs to a batch, the acknowledged entries of earlier batches (with a
        smaller tag) are dropped, since no vertex needs them again.

        Parameters
        ----------
        message
            The newest message of its key.
        """
        key = message.key
        if key.tag:
            self._drop_acknowledged(key.tag)
        self._latest[key] = self._unacknowledged[key] = self._unsent[key] = message
        self.may_send = len(self._in_flight) < self._window

    def _drop_acknowledged(self, tag: int) -> None:
        """Drop the acknowledged entries whose tag is smaller than ``tag``.

        Acknowledged entries stay in the outbox until this method drops them, because a peer that
        restarts needs them again. Without batches (all tags are 0) they stay until the run ends.
        """
        for key in [
            key for key in self._latest if key.tag < tag and key not in self._unacknowledged
        ]:
            del self._latest[key]

    def __len__(self) -> int:
        """Return the number of entries, acknowledged or not."""
        return len(self._latest)

    @property
    def frames_in_flight(self) -> int:
        """Number of frames that are neither acknowledged nor timed out."""
        return len(self._in_flight)

    @property
    def all_acknowledged(self) -> bool:
        """Whether every entry is acknowledged and no frame is in flight."""
        return not self._unacknowledged and not self._in_flight

    def take(self, now: float) -> tuple[int, tuple[Message, ...]]:
        """Put all unsent entries into a new frame, and return its number and its messages.

        The entries in the frame count as in flight from now on.

        Parameters
        ----------
        now
            Time at which the frame is sent, in the unit of the send policy.
        """
        self._number += 1
        messages = tuple(self._unsent.values())
        self._unsent.clear()
        carries = [(message.key, message.sequence) for message in messages]
        self._in_flight[self._number] = _FrameInFlight(now, carries)
        self._update()
        return self._number, messages

    def acknowledge(self, numbers: Sequence[int], now: float) -> None:
        """Mark the messages in the given frames as acknowledged.

        An entry is not marked if a newer message has replaced the message in the frame.

        Parameters
        ----------
        numbers
            Numbers of the frames that the peer acknowledges; unknown numbers are ignored.
        now
            Time at which the acknowledgement arrived, in the unit of the send policy.
        """
        newest = 0
        for number in numbers:
            frame = self._in_flight.pop(number, None) or self._timed_out.pop(number, None)
            if frame is None:
                continue
            for key, sequence in frame.carries:
                if self._is_unacknowledged(key, sequence):
                    del self._unacknowledged[key]
                    self._unsent.pop(key, None)
            # A peer that was paused acknowledges all frames of the pause together. Only the newest
            # of these frames measures the round trip; the older frames measure the pause.
            if number > newest:
                newest, round_trip = number, now - frame.sent_at
        if newest:
            self._measure(round_trip)
            self._update()

    def _is_unacknowledged(self, key: Key, sequence: int) -> bool:
        """Return whether the entry of ``key`` has this sequence number and is not acknowledged."""
        message = self._unacknowledged.get(key)
        return message is not None and message.sequence == sequence

    def peer_alive(self) -> None:
        """Note that a frame has arrived from the peer, and reset the backoff of the timeout."""
        self._silent = False
        if self._backoff > 1.0:
            self._backoff = 1.0
            self._update()

    def expire(self, now: float) -> None:
        """Time out the frames that were sent too long ago, and make their entries unsent.

        If no frame has arrived from the peer since the timer last ran out, the peer is probably
        down or cut off. The timeout is then doubled.

        Parameters
        ----------
        now
            Present time, in the unit of the send policy. A call before ``due`` has no effect.
        """
        if self.due is None or self.due > now:
            return
        # ``sent_at + timeout`` below is the same sum as in ``_update``, so that it cannot be later
        # than ``due`` by rounding.
        timeout = self._timeout
        if self._silent:
            self._backoff = min(2.0 * self._backoff, LONGEST_BACKOFF)
        self._silent = True
        for number, frame in list(self._in_flight.items()):
            if frame.sent_at + timeout <= now:
                self._time_out(number)
        self._update()

    def _time_out(self, number: int) -> None:
        """Store a frame in flight as timed out, and make its unacknowledged entries unsent."""
        frame = self._timed_out[number] = self._in_flight.pop(number)
        for key, sequence in frame.carries:
            if self._is_unacknowledged(key, sequence):
                self._unsent[key] = self._unacknowledged[key]
        while len(self._timed_out) > REMEMBERED:
            del self._timed_out[next(iter(self._timed_out))]

    def peer_restarted(self) -> None:
        """Make every entry unsent, since the restarted peer has received none of them."""
        self._in_flight.clear()
        self._timed_out.clear()
        self._unacknowledged = dict(self._latest)
        self._unsent = dict(self._latest)
        self._backoff = 1.0
        self._update()

    def _update(self) -> None:
        """Compute ``may_send`` and ``due`` again."""
        in_flight = self._in_flight
        self.may_send = bool(self._unsent) and len(in_flight) < self._window
        self.due = next(iter(in_flight.values())).sent_at + self._timeout if in_flight else None

    @property
    def _timeout(self) -> float:
        """Present timeout of a frame, multiplied by the backoff.

        It is the smoothed round trip plus four times its variation (RFC 6298), or
        ``send_policy.min_timeout`` if this is larger. Before the first measurement it is
        ``send_policy.first_timeout``. The backoff grows while no frame arrives from the peer.
        """
        if self._smoothed is None:
            return self._backoff * self._policy.first_timeout
        measured = self._smoothed + 4.0 * self._variation
        return self._backoff * max(measured, self._policy.min_timeout)

    def _measure(self, round_trip: float) -> None:
        """Update the smoothed round trip and its variation with one more round trip (RFC 6298)."""
        if self._smoothed is None:
            self._smoothed, self._variation = round_trip, round_trip / 2.0
            return
        self._variation += (abs(round_trip - self._smoothed) - self._variation) / 4.0
        self._smoothed += (round_trip - self._smoothed) / 8.0
