"""What one host has to say to another, until it is known to have been heard.

An entry is the newest message of its key and is in one of three states::

    waiting ──take──▶ in flight ──a frame with it is acknowledged──▶ settled
       ▲                  │                                             │
       ├──────────────────┘ the timer runs out                          │
       └── put (newer message), or the peer restarted ──────────────────┘

A frame may be acknowledged after its timer has run out: then its entries are settled all the
same, and the timer learns from it that it was too short.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sheafnet.dynamics.messages import Key, Message
from sheafnet.runtime.hosts.send_policy import SendPolicy

LONGEST_BACKOFF: Final = 32.0

REMEMBERED: Final = 1024
"""Frames that are given up on and may still be acknowledged: with fewer, a timer that is very much
too short would never learn it."""


class _Flight:
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
        Whether something waits and the window is open.
    due
        When ``expire`` has something to do; None while nothing is in flight.
    """

    # Both are looked at far more often than they change: plain attributes, kept up to date.

    def __init__(self, send_policy: SendPolicy) -> None:
        self.may_send = False
        self.due: float | None = None
        self._policy = send_policy
        self._window = send_policy.window
        self._said: dict[Key, Message] = {}
        # Of what was said: what is not known to have been heard, and of that what is to be sent.
        self._unheard: dict[Key, Message] = {}
        self._waiting: dict[Key, Message] = {}
        # By number of the frame, in order of sending, so that the first is the oldest.
        self._flights: dict[int, _Flight] = {}
        self._given_up: dict[int, _Flight] = {}
        self._number = 0
        self._smoothed: float | None = None
        self._variation = 0.0
        self._backoff = 1.0
        # Whether nothing has come from the peer since the timer last ran out.
        self._silent = True

    def put(self, message: Message) -> None:
        """Take ``message`` in place of any older one of its key.

        What was heard of earlier tags is of no more use to anybody, and is dropped.
        """
        key = message.key
        if key.tag:
            self._drop_heard(key.tag)
        self._said[key] = self._unheard[key] = self._waiting[key] = message
        self.may_send = len(self._flights) < self._window

    def _drop_heard(self, tag: int) -> None:
        for key in [key for key in self._said if key.tag < tag and key not in self._unheard]:
            del self._said[key]

    @property
    def settled(self) -> bool:
        """Whether everything said is known to have been heard."""
        return not self._unheard and not self._flights

    def take(self, now: float) -> tuple[int, tuple[Message, ...]]:
        """Return the number of the next frame and what it is to carry; it is sent ``now``."""
        self._number += 1
        messages = tuple(self._waiting.values())
        self._waiting.clear()
        carries = [(message.key, message.sequence) for message in messages]
        self._flights[self._number] = _Flight(now, carries)
        self._update()
        return self._number, messages

    def acknowledge(self, numbers: Sequence[int], now: float) -> None:
        """Settle what these frames carried, as far as it has not been replaced since.

        Parameters
        ----------
        numbers
            Of the frames; others than this outbox knows are passed over.
        now
            When the peer's word of them came.
        """
        newest = 0
        for number in numbers:
            flight = self._flights.pop(number, None) or self._given_up.pop(number, None)
            if flight is None:
                continue
            for key, sequence in flight.carries:
                if self._is_unheard(key, sequence):
                    del self._unheard[key]
                    self._waiting.pop(key, None)
            # A peer that stood still acknowledges all that came meanwhile: how long the older
            # ones took says how long it stood, not how long an answer takes.
            if number > newest:
                newest, round_trip = number, now - flight.sent_at
        if newest:
            self._measure(round_trip)
            self._update()

    def _is_unheard(self, key: Key, sequence: int) -> bool:
        message = self._unheard.get(key)
        return message is not None and message.sequence == sequence

    def hear(self) -> None:
        """Note that there was word from the peer: a frame that is lost now is an accident."""
        self._silent = False
        if self._backoff > 1.0:
            self._backoff = 1.0
            self._update()

    def expire(self, now: float) -> None:
        """Put what has gone unacknowledged for too long back in the queue.

        The timeout grows if there has been no word from the peer since the last time: it is
        down or cut off, and there is no hurry.
        """
        if self.due is None or self.due > now:
            return
        # The same sum as for ``due``: at that very time it must not round to "not yet".
        timeout = self._timeout
        if self._silent:
            self._backoff = min(2.0 * self._backoff, LONGEST_BACKOFF)
        self._silent = True
        for number, flight in list(self._flights.items()):
            if flight.sent_at + timeout <= now:
                self._give_up(number)
        self._update()

    def _give_up(self, number: int) -> None:
        flight = self._given_up[number] = self._flights.pop(number)
        for key, sequence in flight.carries:
            if self._is_unheard(key, sequence):
                self._waiting[key] = self._unheard[key]
        while len(self._given_up) > REMEMBERED:
            del self._given_up[next(iter(self._given_up))]

    def renew(self) -> None:
        """Say everything again: the peer was restarted and has heard nothing."""
        self._flights.clear()
        self._given_up.clear()
        self._unheard = dict(self._said)
        self._waiting = dict(self._said)
        self._backoff = 1.0
        self._update()

    def _update(self) -> None:
        flights = self._flights
        self.may_send = bool(self._waiting) and len(flights) < self._window
        self.due = next(iter(flights.values())).sent_at + self._timeout if flights else None

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
