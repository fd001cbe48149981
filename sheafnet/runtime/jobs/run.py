"""The job that relaxes a sheaf: stalks move, maps do not."""

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
    """A run: one problem on one runtime, as ``sn.start`` and ``sn.prepare`` return it.

    Parameters
    ----------
    problem
        The problem to run.
    runtime
        The runtime that runs it, such as an ``sn.Lockstep``.
    observer
        The observer whose methods are called. If the coordinator of ``runtime`` is in another
        process, an observer with ``travels`` is called there.

    Attributes
    ----------
    problem
        The problem, with the pins and maps of the start.
    runtime
        The runtime, with the travelling part of the observer where it takes one.
    remote
        Whether the coordinator of the runtime works in a process of its own.
    """

    _hooks: _InferenceHooks

    def _make_hooks(self, observer: Observer) -> _InferenceHooks:
        return _InferenceHooks(self.problem, observer)

    def _conclude(self, record: Record) -> Solution:
        solution = assemble(self.problem, record)
        self._observer.ended(solution)
        return solution

    def start(self) -> Run:
        """Start the run in a thread of its own and return it at once; call it only once."""
        super().start()
        return self

    def set_pins(self, pins: Iterable[Pin]) -> None:
        """Replace all pins of the run.

        Stalks that are no longer pinned become free and go on from their values. The call returns
        at once; the run changes its pins between two rounds or waves. If it raises, the present
        pins stay.

        Parameters
        ----------
        pins
            All pins from now on, with as many samples as the run has.

        Raises
        ------
        UnknownNameError
            If a pin names a vertex that the sheaf does not have.
        ShapeError
            If a value does not fit its stalk or coordinates, or has another number of samples.
        NonFiniteError, EmptyBatchError
            If a value has NaN or infinity, or has no samples.
        PinError
            If two hard pins hold a coordinate at different values, a pin names a coordinate that
            does not exist or names one twice, or its strength is not positive and finite.
        RuleError
            If the rule of the run does not work with these pins.
        RunEndedError
            If the run has ended.
        """
        sheaf = self.problem.sheaf
        resolved = resolve_pins(sheaf, pins, self.problem.start.batch)
        self.problem.rule.check(sheaf, resolved)
        self.obey(resolved)

    def obey(self, pins: Pins) -> None:
        """Replace all pins of the run by pins that have been checked.

        Parameters
        ----------
        pins
            Vertex → the pins of its stalk, for every vertex that has any.

        Raises
        ------
        RunEndedError
            If the run has ended.
        """
        if self._result.done():
            raise RunEndedError("the run is over: start another, or keep one with Stop(stay=True)")
        self._hooks.set_pins(pins)

    def settle(self, timeout: float | None = None) -> Solution:
        """Wait until a started run has converged under the pins that were set last.

        A run with ``sn.Stop(stay=True)`` goes on after that. Any other run ends, and this method
        returns its ``result``, whatever its outcome.

        Parameters
        ----------
        timeout
            Seconds to wait, at least 0; None (default) waits without limit.

        Returns
        -------
        Solution
            The solution under these pins.

        Raises
        ------
        TimeoutError
            If the run has neither converged nor ended after ``timeout`` seconds; it goes on.
        SheafnetError
            If the run has failed. This error and any other that ended the run is raised as it is.
        """
        settled = self._hooks.wait_settled(timeout)
        return settled if settled is not None else self.result(0.0)


class _InferenceHooks(JobHooks):
    """Hooks of a run: also pass new pins to the runtime, and keep the solution of a stay run."""

    def __init__(self, problem: Problem, observer: Observer) -> None:
        super().__init__(observer)
        self._problem = problem
        # Guards the attributes below and ``stopping``; notified when one of them changes.
        self._changed = threading.Condition()
        self._closed = False
        self._wanted: Pins | None = None
        self._settled: Solution | None = None

    # The runtime calls these three.

    def new_pins(self) -> Pins | None:
        if self._wanted is None:  # Called every round, so avoid the lock.
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

    # The run calls these four.

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
        """Return the solution once the run has settled; None if it has ended.

        Raises
        ------
        TimeoutError
            If neither has happened after ``timeout`` seconds.
        """
        with self._changed:
            done = self._changed.wait_for(lambda: self._settled or self._closed, timeout)
            if not done:
                raise TimeoutError(f"the run has not settled within {timeout} s")
            return None if self._closed else self._settled
