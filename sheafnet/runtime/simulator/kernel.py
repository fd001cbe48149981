"""The event queue of virtual time: a heap of (time, priority, order, action, arguments)."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any, Final, TypeAlias

Action: TypeAlias = Callable[..., None]

DRAWS: Final = 2**53
"""Number of values that a draw from [0, 1) can take: a draw times this is a whole number. It is
larger than any number of events, so that the sum of the drawn order and the event id is unique."""


class Priority(IntEnum):
    """The order of events at the same time: the smaller value comes first.

    Events of equal time and priority happen in the order in which they were scheduled. A kernel
    with ``ties`` ignores priorities and draws the order instead.
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
        Random numbers from [0, 1), one for each event. They decide the order of events at the same
        time, regardless of their priority. None (default) orders these events by ``Priority``.

    Attributes
    ----------
    now
        Virtual time of the latest event.
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
        """Schedule the call ``action(*arguments)``.

        Parameters
        ----------
        time
            Virtual time of the event; a time in the past is replaced by ``now``.
        priority
            Position among the events at the same time.
        action
            Function to call.
        arguments
            Its positional arguments.
        """
        self._id += 1
        when = float(time) if time > self.now else self.now
        order = self._id
        if self._ties is not None:
            priority, order = Priority.FAULT, int(next(self._ties) * DRAWS) * DRAWS + self._id
        heapq.heappush(self._heap, (when, priority, order, action, arguments))

    def advance(self) -> bool:
        """Execute the next event; return whether there was one."""
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
