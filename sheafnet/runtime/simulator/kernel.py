"""The queue of the events of a simulated run: it executes them in order of virtual time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any, Final, TypeAlias

Action: TypeAlias = Callable[..., None]

DRAWS: Final = 2**53
"""Number of values that a random number from [0, 1) can take. A random number times ``DRAWS`` is
therefore a whole number. The order of an event is (random number · ``DRAWS``) · ``DRAWS`` + (number
of the event). It is unique, since a run has fewer than ``DRAWS`` events."""


class Priority(IntEnum):
    """The priority of an event: of the events at the same time, the smallest value comes first.

    ``FAULT`` is for crashes, restarts, pauses and pushes, ``ARRIVAL`` for frames that arrive,
    ``CONTROL`` for messages from and to the coordinator, ``STEP`` for steps of hosts. Events of
    equal time and priority happen in the order in which they were scheduled. A kernel with ``ties``
    ignores priorities; the order of the events at the same time is then random.
    """

    FAULT = 0
    ARRIVAL = 1
    CONTROL = 2
    STEP = 3


class Kernel:
    """A queue of events that happen in order of virtual time.

    Parameters
    ----------
    ties
        Endless iterator of random numbers from [0, 1). One number is drawn for every event. These
        numbers decide the order of events at the same time, regardless of priority. With None
        (default) these events are ordered by ``Priority``.

    Attributes
    ----------
    now
        Virtual time of the latest event that has happened; 0 at first.
    events
        Number of events that have happened.
    """

    def __init__(self, ties: Iterator[float] | None = None) -> None:
        self._ties = ties
        self.now = 0.0
        self.events = 0
        self._heap: list[tuple[float, int, int, Action, tuple[Any, ...]]] = []
        self._id = 0

    def at(
        self, time: float, priority: Priority, action: Action, arguments: tuple[Any, ...] = ()
    ) -> None:
        """Add an event to the queue: the call ``action(*arguments)`` at virtual time ``time``.

        Parameters
        ----------
        time
            Virtual time of the event; a time in the past is replaced by ``now``.
        priority
            Priority among the events at the same time.
        action
            Function to call.
        arguments
            Positional arguments of ``action``; none by default.
        """
        self._id += 1
        when = float(time) if time > self.now else self.now
        order = self._id
        if self._ties is not None:
            priority, order = Priority.FAULT, int(next(self._ties) * DRAWS) * DRAWS + self._id
        heapq.heappush(self._heap, (when, priority, order, action, arguments))

    def advance(self) -> bool:
        """Execute the next event and return True; return False if no event is left."""
        if not self._heap:
            return False
        self.now, _, _, action, arguments = heapq.heappop(self._heap)
        self.events += 1
        action(*arguments)
        return True

    def advance_to(self, time: float) -> None:
        """Execute every event up to and including virtual time ``time``."""
        while self._heap and self._heap[0][0] <= time:
            self.advance()
