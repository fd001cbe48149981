"""The job that relaxes a sheaf: the stalks change, the maps do not."""

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
    """A run: the relaxation of the stalks of one problem on one runtime.

    ``sn.start`` returns a run that has been started, ``sn.prepare`` one that has not.

    Parameters
    ----------
    problem
        The problem to run.
    runtime
        The runtime that runs it, such as an ``sn.Lockstep``.
    observer
        The observer whose methods are called during the run. If the coordinator of ``runtime`` is
        in another process and ``observer.travels`` is true, they are called in that process.

    Attributes
    ----------
    problem
        The problem, with the pins and maps of the start.
    runtime
        The runtime. If its coordinator is in another process, this is a copy of the runtime. The
        copy sends the observer to that process if ``observer.travels`` is true.
    remote
        Whether the coordinator of the runtime is in another process than the run.
    """

    _hooks: _InferenceHooks

    def _make_hooks(self, observer: Observer) -> _InferenceHooks:
        return _InferenceHooks(self.problem, observer)

    def _conclude(self, record: Record) -> Solution:
        solution = assemble(self.problem, record)
        self._observer.ended(solution)
        return solution

    def start(self) -> Run:
        """Start the run in a new thread and return the run at once. Call this only once."""
        super().start()
        return self

    def set_pins(self, pins: Iterable[Pin]) -> None:
        """Replace all pins of the run.

        A stalk that is no longer pinned becomes free and keeps its present value at first. The call
        returns at once, and the run replaces the pins after the present round or wave. If the call
        raises an error, the present pins are kept.

        Parameters
        ----------
        pins
            The new pins. A pin that the run has now and that is not among them is removed. The
            values must have as many samples as the run has.

        Raises
        ------
        UnknownNameError
            If a pin names a vertex that the sheaf does not have.
        ShapeError
            If the shape of a value does not match the number of pinned coordinates, or if its
            number of samples is not that of the run.
        InputError
            If a value is not an array of real numbers.
        NonFiniteError
            If a value contains NaN or infinity.
        EmptyBatchError
            If a value has no samples.
        PinError
            If two hard pins hold the same coordinate at different values; if a pin names a
            coordinate that does not exist; if a pin names a coordinate twice; if the coordinates of
            a pin are an empty sequence or not whole numbers; or if the strength of a pin is not
            positive and finite.
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
        """Replace all pins of the run by pins that have been checked. ``set_pins`` calls this.

        Parameters
        ----------
        pins
            Vertex → the pins of its stalk, for every vertex that has pins.

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

        A stay run (a run with ``sn.Stop(stay=True)``) goes on after this and waits for other pins.
        Any other run ends when it has converged. If the run has ended, with any outcome, this
        method returns the same solution as ``result``.

        Parameters
        ----------
        timeout
            Seconds to wait, at least 0. With None (default) the time is not limited.

        Returns
        -------
        Solution
            The solution under the pins that were set last, or the solution at the end of the run.

        Raises
        ------
        TimeoutError
            If the run has neither converged nor ended after ``timeout`` seconds. The run goes on.
        SheafnetError
            If the run has failed. Any other exception that ended the run is raised as well.
        """
        settled = self._hooks.wait_settled(timeout)
        return settled if settled is not None else self.result(0.0)


class _InferenceHooks(JobHooks):
    """The hooks of a run. They also pass new pins to the runtime.

    Under a stay run they store the solution from its convergence until new pins are set.
    """

    def __init__(self, problem: Problem, observer: Observer) -> None:
        super().__init__(observer)
        self._problem = problem
        # Guards the attributes below and ``stopping``, and is notified when one of them changes.
        self._changed = threading.Condition()
        self._closed = False
        self._wanted: Pins | None = None
        self._settled: Solution | None = None

    # The runtime calls the next three methods, in its own thread.

    def new_pins(self) -> Pins | None:
        if self._wanted is None:  # This is called every round, so it avoids the lock.
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

    # The methods of ``Run`` call the next four methods, in the thread of their caller.

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
        """Wait until the run has converged under the present pins, and return the solution.

        Return None if the run has ended.

        Raises
        ------
        TimeoutError
            If the run has neither converged nor ended after ``timeout`` seconds.
        """
        with self._changed:
            done = self._changed.wait_for(lambda: self._settled or self._closed, timeout)
            if not done:
                raise TimeoutError(f"the run has not settled within {timeout} s")
            return None if self._closed else self._settled
