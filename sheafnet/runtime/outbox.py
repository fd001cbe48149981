"""What one host has to say to another, until it is known to have been heard.

An entry is the newest message of its key and is in one of three states::

    waiting ──take──▶ in flight ──its frame is acknowledged──▶ settled
       ▲                  │                                       │
       ├──────────────────┘ the timer runs out                    │
       └── put (newer message), or the peer restarted ────────────┘
"""

from __future__ import annotations

from sheafnet.dynamics.messages import Key, Message
from sheafnet.runtime.patience import Patience

WAITING = 0
SETTLED = -1
LONGEST_BACKOFF = 32.0


class Outbox:
    """Messages for one peer.

    Parameters
    ----------
    patience
        Window and first timeout.

    Attributes
    ----------
    may_send
        Whether something waits and the window is open.
    due
        When ``expire`` has something to do; None while nothing is in flight.
    """

    # Both are looked at far more often than they change: plain attributes, kept up to date.

    def __init__(self, patience: Patience) -> None:
        self.may_send = False
        self.due: float | None = None
        self._patience = patience
        self._messages: dict[Key, Message] = {}
        # Number of the frame that carries each entry; WAITING and SETTLED are no numbers.
        self._carried_by: dict[Key, int] = {}
        self._waiting = 0
        # In order of sending, so that the first is the oldest.
        self._sent_at: dict[int, float] = {}
        self._number = 0
        self._smoothed: float | None = None
        self._variation = 0.0
        self._backoff = 1.0

    def put(self, message: Message) -> None:
        """Take ``message`` in place of any older one of its key.

        What was heard of earlier tags is of no more use to anybody, and is dropped.
        """
        key = message.key
        if key.tag:
            self._drop_heard(key.tag)
        if self._carried_by.get(key, SETTLED) != WAITING:
            self._waiting += 1
        self._messages[key] = message
        self._carried_by[key] = WAITING
        self.may_send = len(self._sent_at) < self._patience.window

    def _drop_heard(self, tag: int) -> None:
        for key in [k for k, n in self._carried_by.items() if k.tag < tag and n == SETTLED]:
            del self._carried_by[key], self._messages[key]

    @property
    def settled(self) -> bool:
        """Whether everything said is known to have been heard."""
        return not self._waiting and not self._sent_at

    def take(self, now: float) -> tuple[int, tuple[Message, ...]]:
        """Return the number of the next frame and what it is to carry; it is sent ``now``."""
        self._number += 1
        carried = []
        for key, number in self._carried_by.items():
            if number == WAITING:
                self._carried_by[key] = self._number
                carried.append(self._messages[key])
        self._waiting = 0
        self._sent_at[self._number] = now
        self._update()
        return self._number, tuple(carried)

    def acknowledge(self, number: int, now: float) -> None:
        """Settle what frame ``number`` carried, if it has not been replaced since."""
        sent = self._sent_at.pop(number, None)
        if sent is None:
            return
        self._measure(now - sent)
        self._backoff = 1.0
        for key, carrier in self._carried_by.items():
            if carrier == number:
                self._carried_by[key] = SETTLED
        self._update()

    def expire(self, now: float) -> None:
        """Put what has gone unacknowledged for too long back in the queue."""
        if self.due is None or self.due > now:
            return
        # The same sum as for ``due``: at that very time it must not round to "not yet".
        timeout = self._timeout
        overdue = {number for number, sent in self._sent_at.items() if sent + timeout <= now}
        self._backoff = min(2.0 * self._backoff, LONGEST_BACKOFF)
        for number in overdue:
            del self._sent_at[number]
        for key, carrier in self._carried_by.items():
            if carrier in overdue:
                self._carried_by[key] = WAITING
                self._waiting += 1
        self._update()

    def renew(self) -> None:
        """Say everything again: the peer was restarted and has heard nothing."""
        self._sent_at.clear()
        self._carried_by = dict.fromkeys(self._carried_by, WAITING)
        self._waiting = len(self._carried_by)
        self._backoff = 1.0
        self._update()

    def _update(self) -> None:
        sent = self._sent_at
        self.may_send = self._waiting > 0 and len(sent) < self._patience.window
        self.due = next(iter(sent.values())) + self._timeout if sent else None

    @property
    def _timeout(self) -> float:
        """Smoothed round trip and four times its variation (RFC 6298), backed off."""
        if self._smoothed is None:
            return self._backoff * self._patience.timeout
        measured = self._smoothed + 4.0 * self._variation
        return self._backoff * max(measured, self._patience.shortest)

    def _measure(self, round_trip: float) -> None:
        if self._smoothed is None:
            self._smoothed, self._variation = round_trip, round_trip / 2.0
            return
        self._variation += (abs(round_trip - self._smoothed) - self._variation) / 4.0
        self._smoothed += (round_trip - self._smoothed) / 8.0
