"""The base class of jobs: one problem on one runtime, in this thread or in one of its own."""

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
    """Hooks of a job: pass requests to the runtime, and progress to the observer.

    Parameters
    ----------
    observer
        Observer that is called with the progress, at most once in each of its intervals.

    Attributes
    ----------
    progress
        Progress at the last report; None before the first.
    """

    def __init__(self, observer: Observer) -> None:
        self.progress: Progress | None = None
        self._observer = observer
        self._report_due = 0.0

    def begin(self) -> None:
        """Prepare for a run that is about to begin. The base class does nothing."""

    def on_round(self, rounds: int, progress: Callable[[], Progress]) -> None:  # noqa: ARG002
        now = time.perf_counter()
        if now >= self._report_due:
            self._report_due = now + self._observer.interval
            self.progress = progress()
            self._observer.progressed(self.progress)

    def stop(self) -> None:
        """Make the runtime end the run at its next opportunity."""
        self.stopping = True

    def close(self) -> None:
        """Finish after the job has ended. The base class does nothing."""


class Job(abc.ABC, Generic[Result]):
    """One problem on one runtime.

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
        """Return the hooks that the runtime calls during the run."""

    @abc.abstractmethod
    def _conclude(self, record: Record) -> Result:
        """Return the result that belongs to ``record``, after calling the observer with it."""

    def start(self) -> Job[Result]:
        """Start the job in a thread of its own and return it at once; call it only once."""
        threading.Thread(target=self._fulfil, name="sheafnet-run", daemon=True).start()
        return self

    def execute(self) -> Result:
        """Run the job to its end in this thread and return its result.

        Raises
        ------
        SheafnetError
            If the runtime cannot run the problem. This error and any other, such as one that the
            observer raises, is passed to ``Observer.failed`` first.
        """
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
        """Return the progress at the last report; None before the first."""
        return self._hooks.progress

    def stop(self) -> None:
        """Ask the job to end, and return at once; ``result`` then returns what was reached."""
        self._hooks.stop()

    def result(self, timeout: float | None = None) -> Result:
        """Wait for the end of a started job and return its result.

        Parameters
        ----------
        timeout
            Seconds to wait, at least 0; None (default) waits without limit.

        Raises
        ------
        TimeoutError
            If the job has not ended after ``timeout`` seconds; the job goes on.
        SheafnetError
            If the job has failed. This error and any other that ended the job is raised as it is.
        """
        return self._result.result(timeout)

    def _fulfil(self) -> None:
        try:
            self._result.set_result(self.execute())
        except BaseException as error:  # ``result`` raises it again.
            self._result.set_exception(error)
