"""A run of a sheaf: the stalks move, the maps do not."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from sheafnet.core.pins import Pin, resolve_pins
from sheafnet.core.stalkpins import Pins
from sheafnet.errors import RunEndedError
from sheafnet.runtime.jobs.job import Job, JobHooks
from sheafnet.runtime.jobs.observer import Observer
from sheafnet.runtime.jobs.results import Solution, assemble
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.run_record import Record


class Run(Job[Solution]):
    """One problem on one runtime; see ``Job``."""

    _hooks: _InferenceHooks

    def _make_hooks(self, observer: Observer) -> _InferenceHooks:
        return _InferenceHooks(self.problem, observer)

    def _conclude(self, record: Record) -> Solution:
        solution = assemble(self.problem, record)
        self._observer.ended(solution)
        return solution

    def start(self) -> Run:
        """Begin in a thread of its own; return at once."""
        super().start()
        return self

    def set_pins(self, pins: Iterable[Pin]) -> None:
        """Obey these pins from now on, and no others; what was held and is not goes free.

        Returns at once; the run takes them up between two rounds or waves.

        Parameters
        ----------
        pins
            All of them, with the batch that the run has.

        Raises
        ------
        InputError
            If a pin does not fit the sheaf, the batch or the rule; nothing is changed then.
        RunEndedError
            If the run is over.
        """
        sheaf = self.problem.sheaf
        resolved = resolve_pins(sheaf, pins, self.problem.start.batch)
        self.problem.rule.check(sheaf, resolved)
        self.obey(resolved)

    def obey(self, pins: Pins) -> None:
        """Take up pins that have been checked; ``RunEndedError`` if the run is over."""
        if self._result.done():
            raise RunEndedError("the run is over: start another, or keep one with Stop(stay=True)")
        self._hooks.set_pins(pins)

    def settle(self, timeout: float | None = None) -> Solution:
        """Wait until the run has converged under the pins that were set last.

        A run with ``Stop(stay=True)`` goes on after that; any other ends, and this is its
        ``result``.

        Parameters
        ----------
        timeout
            Seconds to wait; None waits as long as it takes.

        Raises
        ------
        TimeoutError
            If it has not settled after ``timeout``.
        """
        settled = self._hooks.wait_settled(timeout)
        return settled if settled is not None else self.result(0.0)


class _InferenceHooks(JobHooks):
    """Carries pins as well, and what a run that stays has settled to."""

    def __init__(self, problem: Problem, observer: Observer) -> None:
        super().__init__(observer)
        self._problem = problem
        # Guards all that follows, and wakes whoever waits for a change of it.
        self._changed = threading.Condition()
        self._closed = False
        self._wanted: Pins | None = None
        self._settled: Solution | None = None

    # What the runtime calls.

    def new_pins(self) -> Pins | None:
        if self._wanted is None:  # asked in every round: no lock where there is nothing
            return None
        with self._changed:
            wanted, self._wanted = self._wanted, None
            return wanted

    def on_settled(self, record: Record) -> None:
        solution = assemble(self._problem, record)
        with self._changed:
            if self._wanted is not None or self._settled is not None:
                return
            self._settled = solution
            self._changed.notify_all()
        self._observer.settled(solution)

    def wait_for_change(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self.stopping or self._wanted is not None)

    # What whoever holds the run calls.

    def set_pins(self, pins: Pins) -> None:
        with self._changed:
            self._wanted, self._settled = pins, None
            self._changed.notify_all()

    def stop(self) -> None:
        with self._changed:
            self.stopping = True
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait_settled(self, timeout: float | None) -> Solution | None:
        """Wait; return None if the run is over instead."""
        with self._changed:
            done = self._changed.wait_for(lambda: self._settled or self._closed, timeout)
            if not done:
                raise TimeoutError(f"the run has not settled within {timeout} s")
            return None if self._closed else self._settled
