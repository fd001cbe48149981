"""The outbox of a host towards a peer: messages until they are acknowledged.

An entry is the newest message of its key and is in one of three states::

    unsent ──take──▶ in flight ──a frame with it is acknowledged──▶ acknowledged
       ▲                 │                                              │
       ├─────────────────┘ the timer runs out                           │
       └── put (newer message), or the peer restarted ──────────────────┘

A frame may be acknowledged after its timer has run out: then its entries are acknowledged
all the same, and the timer learns from it that it was too short.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sheafnet.dynamics.messages import Key, Message
from sheafnet.runtime.hosts.send_policy import SendPolicy

LONGEST_BACKOFF: Final = 32.0

REMEMBERED: Final = 1024
"""Frames that have timed out and may still be acknowledged: with fewer, a timer that is very much
too short would never learn it."""


class _FrameInFlight:
    """When a frame was sent, and the key and sequence of all that it carries."""

    __slots__ = ("carries", "sent_at")

    def __init__(self, sent_at: float, carries: list[tuple[Key, int]]) -> None:
        self.sent_at = sent_at
        self.carries = carries


class Outbox:
    """Messages for one peer.

    Parameters
    ----------
    send_policy
        Window and first timeout.

    Attributes
    ----------
    may_send
        Whether something is unsent and the send window is open.
    due
        When ``expire`` has something to do; None while nothing is in flight.
    """

    # Both are read far more often than they change: plain attributes, kept up to date.

    def __init__(self, send_policy: SendPolicy) -> None:
        self.may_send = False
        self.due: float | None = None
        self._policy = send_policy
        self._window = send_policy.window
        self._latest: dict[Key, Message] = {}
        # Of the latest messages: those not acknowledged yet, and of those the ones to be sent.
        self._unacknowledged: dict[Key, Message] = {}
        self._unsent: dict[Key, Message] = {}
        # By number of the frame, in order of sending, so that the first is the oldest.
        self._in_flight: dict[int, _FrameInFlight] = {}
        self._timed_out: dict[int, _FrameInFlight] = {}
        self._number = 0
        self._smoothed: float | None = None
        self._variation = 0.0
        self._backoff = 1.0
        # Whether nothing has come from the peer since the timer last ran out.
        self._silent = True

    def put(self, message: Message) -> None:
        """Take ``message`` in place of any older one of its key.

        What was acknowledged of earlier tags is of no more use to anybody, and is dropped.
        """
        key = message.key
        if key.tag:
            self._drop_acknowledged(key.tag)
        self._latest[key] = self._unacknowledged[key] = self._unsent[key] = message
        self.may_send = len(self._in_flight) < self._window

    def _drop_acknowledged(self, tag: int) -> None:
        for key in [
            key for key in self._latest if key.tag < tag and key not in self._unacknowledged
        ]:
            del self._latest[key]

    def __len__(self) -> int:
        """Return how many messages are kept, acknowledged or not."""
        return len(self._latest)

    @property
    def frames_in_flight(self) -> int:
        """How many frames are neither acknowledged nor timed out."""
        return len(self._in_flight)

    @property
    def all_acknowledged(self) -> bool:
        """Whether everything that was put here has been acknowledged."""
        return not self._unacknowledged and not self._in_flight

    def take(self, now: float) -> tuple[int, tuple[Message, ...]]:
        """Return the number of the next frame and what it is to carry; it is sent ``now``."""
        self._number += 1
        messages = tuple(self._unsent.values())
        self._unsent.clear()
        carries = [(message.key, message.sequence) for message in messages]
        self._in_flight[self._number] = _FrameInFlight(now, carries)
        self._update()
        return self._number, messages

    def acknowledge(self, numbers: Sequence[int], now: float) -> None:
        """Settle what these frames carried, as far as it has not been replaced since.

        Parameters
        ----------
        numbers
            Of the frames; others than this outbox knows are passed over.
        now
            When the acknowledgement came.
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
            # A peer that stood still acknowledges all that came meanwhile: how long the older
            # ones took says how long it stood, not how long an answer takes.
            if number > newest:
                newest, round_trip = number, now - frame.sent_at
        if newest:
            self._measure(round_trip)
            self._update()

    def _is_unacknowledged(self, key: Key, sequence: int) -> bool:
        message = self._unacknowledged.get(key)
        return message is not None and message.sequence == sequence

    def peer_alive(self) -> None:
        """Note that the peer is alive: a frame that is lost now is an accident."""
        self._silent = False
        if self._backoff > 1.0:
            self._backoff = 1.0
            self._update()

    def expire(self, now: float) -> None:
        """Put what has gone unacknowledged for too long back in the queue.

        The timeout grows if nothing has come from the peer since the last time: it is
        down or cut off, and there is no hurry.
        """
        if self.due is None or self.due > now:
            return
        # The same sum as for ``due``: at that very time it must not round to "not yet".
        timeout = self._timeout
        if self._silent:
            self._backoff = min(2.0 * self._backoff, LONGEST_BACKOFF)
        self._silent = True
        for number, frame in list(self._in_flight.items()):
            if frame.sent_at + timeout <= now:
                self._time_out(number)
        self._update()

    def _time_out(self, number: int) -> None:
        frame = self._timed_out[number] = self._in_flight.pop(number)
        for key, sequence in frame.carries:
            if self._is_unacknowledged(key, sequence):
                self._unsent[key] = self._unacknowledged[key]
        while len(self._timed_out) > REMEMBERED:
            del self._timed_out[next(iter(self._timed_out))]

    def peer_restarted(self) -> None:
        """Send everything again: the peer was restarted and has received nothing."""
        self._in_flight.clear()
        self._timed_out.clear()
        self._unacknowledged = dict(self._latest)
        self._unsent = dict(self._latest)
        self._backoff = 1.0
        self._update()

    def _update(self) -> None:
        in_flight = self._in_flight
        self.may_send = bool(self._unsent) and len(in_flight) < self._window
        self.due = next(iter(in_flight.values())).sent_at + self._timeout if in_flight else None

    @property
    def _timeout(self) -> float:
        """Smoothed round trip and four times its variation (RFC 6298), backed off."""
        if self._smoothed is None:
            return self._backoff * self._policy.first_timeout
        measured = self._smoothed + 4.0 * self._variation
        return self._backoff * max(measured, self._policy.min_timeout)

    def _measure(self, round_trip: float) -> None:
        if self._smoothed is None:
            self._smoothed, self._variation = round_trip, round_trip / 2.0
            return
        self._variation += (abs(round_trip - self._smoothed) - self._variation) / 4.0
        self._smoothed += (round_trip - self._smoothed) / 8.0
