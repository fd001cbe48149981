"""The base class of jobs. A job runs one problem, in the caller's thread or in a new thread."""

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
    """The hooks of a job: methods that the runtime calls during the run.

    They report requests to stop to the runtime, and call the observer.

    Parameters
    ----------
    observer
        Observer that is called with the progress, at most once in each ``observer.interval``.

    Attributes
    ----------
    progress
        Progress with which the observer was called last; None before the first call.
    """

    def __init__(self, observer: Observer) -> None:
        self.progress: Progress | None = None
        self._observer = observer
        self._report_due = 0.0

    def begin(self) -> None:
        """Prepare for the run. Called before the runtime starts; the base class does nothing."""

    def on_round(self, rounds: int, progress: Callable[[], Progress]) -> None:  # noqa: ARG002
        now = time.perf_counter()
        if now >= self._report_due:
            self._report_due = now + self._observer.interval
            self.progress = progress()
            self._observer.progressed(self.progress)

    def stop(self) -> None:
        """Ask the runtime to end the run. The runtime reads this request after a round or wave."""
        self.stopping = True

    def close(self) -> None:
        """Wake the threads that wait for the job, at its end. The base class does nothing."""


class Job(abc.ABC, Generic[Result]):
    """A job: the execution of one problem on one runtime, from its start to its result.

    Parameters
    ----------
    problem
        The problem to run.
    runtime
        The runtime that runs it, such as an ``sn.Lockstep``.
    observer
        The observer whose methods are called during the job. If the coordinator of ``runtime`` is
        in another process and ``observer.travels`` is true, they are called in that process.

    Attributes
    ----------
    problem
        The problem, with the pins and maps of the start.
    runtime
        The runtime. If its coordinator is in another process, this is a copy of the runtime. The
        copy sends the observer to that process if ``observer.travels`` is true.
    remote
        Whether the coordinator of the runtime is in another process than the job.
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
        """Compute the result from ``record``, call the observer with it, and return the result."""

    def start(self) -> Job[Result]:
        """Start the job in a new thread and return the job at once. Call this only once."""
        threading.Thread(target=self._fulfil, name="sheafnet-run", daemon=True).start()
        return self

    def execute(self) -> Result:
        """Run the job to its end in this thread and return its result.

        Raises
        ------
        SheafnetError
            If the runtime cannot run the problem. Before this or any other error is raised,
            ``Observer.failed`` is called with the error.
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
        """Return the progress with which the observer was called last.

        None before the first such call.
        """
        return self._hooks.progress

    def stop(self) -> None:
        """Ask the job to end, and return at once.

        The job ends a little later. ``result`` waits for the end and returns the result.
        """
        self._hooks.stop()

    def result(self, timeout: float | None = None) -> Result:
        """Wait for the end of a started job and return its result.

        Parameters
        ----------
        timeout
            Seconds to wait, at least 0. With None (default) the time is not limited.

        Raises
        ------
        TimeoutError
            If the job has not ended after ``timeout`` seconds. The job goes on.
        SheafnetError
            If the job has failed. Any other exception that ended the job is raised as well.
        """
        return self._result.result(timeout)

    def _fulfil(self) -> None:
        """Run the job, and store its result or its error for the threads that wait for the job."""
        try:
            self._result.set_result(self.execute())
        except BaseException as error:  # ``result`` raises it again.
            self._result.set_exception(error)
