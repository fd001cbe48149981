"""Virtual time: a heap of (time, priority, id, event), and nothing more."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from enum import IntEnum
from typing import Any, TypeAlias

Action: TypeAlias = Callable[..., None]


class Priority(IntEnum):
    """Order of events at the same time; within one priority, the order of scheduling."""

    FAULT = 0
    ARRIVAL = 1
    CONTROL = 2
    STEP = 3


class Kernel:
    """Runs what is scheduled, in order of time.

    Attributes
    ----------
    now
        Virtual time.
    events
        How many events have happened.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.events = 0
        self._heap: list[tuple[float, int, int, Action, tuple[Any, ...]]] = []
        self._id = 0

    def at(self, time: float, priority: Priority, action: Action, *arguments: Any) -> None:
        """Have ``action(*arguments)`` happen at ``time``, or now if that is past."""
        self._id += 1
        when = time if time > self.now else self.now
        heapq.heappush(self._heap, (when, priority, self._id, action, arguments))

    def advance(self) -> bool:
        """Let the next event happen; return whether there was one."""
        if not self._heap:
            return False
        self.now, _, _, action, arguments = heapq.heappop(self._heap)
        self.events += 1
        action(*arguments)
        return True
