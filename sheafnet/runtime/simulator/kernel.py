"""Virtual time: a heap of (time, priority, id, event), and nothing more."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any, Final, TypeAlias

Action: TypeAlias = Callable[..., None]

DRAWS: Final = 2**53
"""As many orders as a float has; more than there are events, so that no two are the same."""


class Priority(IntEnum):
    """Order of events at the same time; within one priority, the order of scheduling.

    With ``ties`` a kernel puts them in a drawn order instead.
    """

    FAULT = 0
    ARRIVAL = 1
    CONTROL = 2
    STEP = 3


class Kernel:
    """Runs what is scheduled, in order of time.

    Parameters
    ----------
    ties
        Draws from [0, 1) that decide the order of events at the same time, whatever their
        priority. None leaves it to ``Priority``.

    Attributes
    ----------
    now
        Virtual time.
    events
        How many events have happened.
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
        """Have ``action(*arguments)`` happen at ``time``, or now if that is past."""
        self._id += 1
        when = float(time) if time > self.now else self.now
        order = self._id
        if self._ties is not None:
            priority, order = Priority.FAULT, int(next(self._ties) * DRAWS) * DRAWS + self._id
        heapq.heappush(self._heap, (when, priority, order, action, arguments))

    def advance(self) -> bool:
        """Let the next event happen; return whether there was one."""
        if not self._heap:
            return False
        self.now, _, _, action, arguments = heapq.heappop(self._heap)
        self.events += 1
        action(*arguments)
        return True

    def advance_to(self, time: float) -> None:
        """Let every event up to that time happen."""
        while self._heap and self._heap[0][0] <= time:
            self.advance()
