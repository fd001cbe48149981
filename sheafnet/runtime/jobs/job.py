"""A job: a problem on a runtime, which can go on while its starter does something else."""

from __future__ import annotations

import abc
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Generic, TypeVar

from sheafnet.runtime.interface import RunHooks, Runtime
from sheafnet.runtime.jobs.observer import Observer, RemoteRuntime
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.progress import Progress
from sheafnet.runtime.run_record import Record

Result = TypeVar("Result")


class JobHooks(RunHooks):
    """Carries wishes from whoever holds the job to the runtime, and news the other way."""

    def __init__(self, observer: Observer) -> None:
        self.progress: Progress | None = None
        self._observer = observer
        self._report_due = 0.0

    def begin(self) -> None:
        """Take note that the runtime is about to begin."""

    def on_round(self, rounds: int, progress: Callable[[], Progress]) -> None:  # noqa: ARG002
        now = time.perf_counter()
        if now >= self._report_due:
            self._report_due = now + self._observer.interval
            self.progress = progress()
            self._observer.progressed(self.progress)

    def stop(self) -> None:
        """Have the runtime end."""
        self.stopping = True

    def close(self) -> None:
        """Take note that it has."""


class Job(abc.ABC, Generic[Result]):
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
        What is run, as it began.
    runtime
        Where it is run.
    """

    def __init__(self, problem: Problem, runtime: Runtime, observer: Observer) -> None:
        self.remote = isinstance(runtime, RemoteRuntime)
        if isinstance(runtime, RemoteRuntime):
            observer, travelling = observer.parted()
            runtime = runtime.attended(travelling)
        self.problem = problem
        self.runtime = runtime
        self._observer = observer
        self._hooks = self._make_hooks(observer)
        self._result: Future[Result] = Future()
        self._result.add_done_callback(lambda _: self._hooks.close())

    @abc.abstractmethod
    def _make_hooks(self, observer: Observer) -> JobHooks:
        """Return the hooks that the runtime calls on the way."""

    @abc.abstractmethod
    def _conclude(self, record: Record) -> Result:
        """Return what the end of the run amounts to, and tell the observer."""

    def start(self) -> Job[Result]:
        """Begin in a thread of its own; return at once."""
        threading.Thread(target=self._fulfil, name="sheafnet-run", daemon=True).start()
        return self

    def execute(self) -> Result:
        """Run to the end in this thread; return what it found."""
        try:
            began = time.perf_counter()
            self._observer.started(self.problem)
            self._hooks.begin()
            record = self.runtime.run(self.problem, self._hooks)
            stats = replace(record.stats, wall_time=time.perf_counter() - began)
            return self._conclude(replace(record, stats=stats))
        except BaseException as error:
            self._observer.failed(error)
            raise

    def progress(self) -> Progress | None:
        """Return how far the job had come when it last reported; None before it has."""
        return self._hooks.progress

    def stop(self) -> None:
        """Ask the job to end; ``result`` then gives what it had reached."""
        self._hooks.stop()

    def result(self, timeout: float | None = None) -> Result:
        """Wait for the end and return what was found.

        Parameters
        ----------
        timeout
            Seconds to wait; None waits as long as it takes.

        Raises
        ------
        TimeoutError
            If the job is still going on after ``timeout``; it is not stopped.
        """
        return self._result.result(timeout)

    def _fulfil(self) -> None:
        try:
            self._result.set_result(self.execute())
        except BaseException as error:  # raised again by result()
            self._result.set_exception(error)
