"""A run that goes on while its starter does something else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import replace

from sheafnet.core.pins import Pin, resolve_pins
from sheafnet.core.stalkpins import Pins
from sheafnet.dynamics.problem import Problem
from sheafnet.dynamics.record import Progress, Record
from sheafnet.dynamics.watch import Watch
from sheafnet.errors import RunEndedError
from sheafnet.runtime.ports import Observer, RemoteRuntime, Runtime
from sheafnet.runtime.solution import Solution, assemble


class Run:
    """One problem on one runtime.

    Parameters
    ----------
    problem
        What to run.
    runtime
        Where.
    observer
        Who is told of it.

    Attributes
    ----------
    problem
        What is run, with the pins that it began with.
    runtime
        Where it is run.
    """

    def __init__(self, problem: Problem, runtime: Runtime, observer: Observer) -> None:
        if isinstance(runtime, RemoteRuntime):
            observer, travelling = observer.parted()
            runtime = runtime.attended(travelling)
        self.problem = problem
        self.runtime = runtime
        self._observer = observer
        self._guide = _Guide(problem, observer)
        self._solution: Future[Solution] = Future()
        self._solution.add_done_callback(lambda _: self._guide.close())

    def start(self) -> Run:
        """Begin in a thread of its own; return at once."""
        threading.Thread(target=self._fulfil, name="sheafnet-run", daemon=True).start()
        return self

    def execute(self) -> Solution:
        """Run to the end in this thread; return what it found."""
        try:
            began = time.perf_counter()
            self._observer.started(self.problem)
            record = self.runtime.run(self.problem, self._guide)
            stats = replace(record.stats, wall_time=time.perf_counter() - began)
            solution = assemble(self.problem, replace(record, stats=stats))
            self._observer.ended(solution)
        except BaseException as error:
            self._observer.failed(error)
            raise
        return solution

    def progress(self) -> Progress | None:
        """Return how far the run had come when it last reported; None before it has."""
        return self._guide.progress

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
        if self._solution.done():
            raise RunEndedError("the run is over: start another, or keep one with Stop(stay=True)")
        self._guide.set_pins(pins)

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
        settled = self._guide.wait_settled(timeout)
        return settled if settled is not None else self.result(0.0)

    def stop(self) -> None:
        """Ask the run to end; ``result`` then gives the cochain that it had reached."""
        self._guide.stop()

    def result(self, timeout: float | None = None) -> Solution:
        """Wait for the end and return what was found.

        Parameters
        ----------
        timeout
            Seconds to wait; None waits as long as it takes.

        Raises
        ------
        TimeoutError
            If the run is still going on after ``timeout``; it is not stopped.
        """
        return self._solution.result(timeout)

    def _fulfil(self) -> None:
        try:
            self._solution.set_result(self.execute())
        except BaseException as error:  # raised again by result()
            self._solution.set_exception(error)


class _Guide(Watch):
    """Carries wishes from whoever holds the run to the runtime, and news the other way."""

    def __init__(self, problem: Problem, observer: Observer) -> None:
        self.progress: Progress | None = None
        self._problem = problem
        self._observer = observer
        self._report_due = 0.0
        # Guards all that follows, and wakes whoever waits for a change of it.
        self._changed = threading.Condition()
        self._closed = False
        self._wanted: Pins | None = None
        self._settled: Solution | None = None

    # What the runtime calls.

    def look(self, rounds: int, ask: Callable[[], Progress]) -> None:  # noqa: ARG002
        now = time.perf_counter()
        if now >= self._report_due:
            self._report_due = now + self._observer.interval
            self.progress = ask()
            self._observer.progressed(self.progress)

    def pins(self) -> Pins | None:
        if self._wanted is None:  # asked in every round: no lock where there is nothing
            return None
        with self._changed:
            wanted, self._wanted = self._wanted, None
            return wanted

    def settled(self, record: Record) -> None:
        solution = assemble(self._problem, record)
        with self._changed:
            if self._wanted is not None or self._settled is not None:
                return
            self._settled = solution
            self._changed.notify_all()
        self._observer.settled(solution)

    def rest(self) -> None:
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
