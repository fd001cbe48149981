"""A run that goes on while its starter does something else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

from sheafnet.dynamics.problem import Problem
from sheafnet.dynamics.record import Progress
from sheafnet.runtime.ports import Observer, Runtime
from sheafnet.runtime.solution import Solution, assemble

REPORT_INTERVAL = 0.1
"""Seconds between reports to an observer."""


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
        What is run.
    """

    def __init__(self, problem: Problem, runtime: Runtime, observer: Observer) -> None:
        self.problem = problem
        self._runtime = runtime
        self._observer = observer
        self._stopping = threading.Event()
        self._solution: Future[Solution] = Future()
        self._progress: Progress | None = None
        self._report_due = 0.0

    def start(self) -> Run:
        """Begin in a thread of its own; return at once."""
        threading.Thread(target=self._fulfil, name="sheafnet-run", daemon=True).start()
        return self

    def execute(self) -> Solution:
        """Run to the end in this thread; return what it found."""
        began = time.perf_counter()
        self._observer.started(self.problem)
        record = self._runtime.run(self.problem, self._watch)
        stats = replace(record.stats, wall_time=time.perf_counter() - began)
        solution = assemble(self.problem, replace(record, stats=stats))
        self._observer.ended(solution)
        return solution

    def progress(self) -> Progress | None:
        """Return how far the run had come when it last reported; None before it has."""
        return self._progress

    def stop(self) -> None:
        """Ask the run to end; ``result`` then gives the cochain that it had reached."""
        self._stopping.set()

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

    def _watch(self, ask: Callable[[], Progress]) -> bool:
        if self._stopping.is_set():
            return False
        now = time.perf_counter()
        if now >= self._report_due:
            self._report_due = now + REPORT_INTERVAL
            self._progress = ask()
            self._observer.progressed(self._progress)
        return True
