"""Observers: objects that are called at the start of a job, with its progress and at its end."""

from __future__ import annotations

from typing import ClassVar, Protocol, runtime_checkable

from sheafnet.runtime.interface import Runtime
from sheafnet.runtime.jobs.checkpoint import Checkpoint
from sheafnet.runtime.jobs.results import Fit, Solution
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.progress import Progress
from sheafnet.runtime.run_record import Evaluation


@runtime_checkable
class RemoteRuntime(Runtime, Protocol):
    """A runtime with its coordinator in another process. Observers can be sent to this process."""

    def attended(self, observer: Observer) -> Runtime:
        """Return a copy of this runtime that sends an observer to the process of the coordinator.

        Parameters
        ----------
        observer
            Observer that is pickled, and whose methods are called in the process of the
            coordinator.
        """


class Observer:
    """An object whose methods are called during a job. The methods of this base class do nothing.

    Override the methods that you need. They are called in the thread that runs the job, so they
    should return quickly. An exception that a method raises ends the job.

    Attributes
    ----------
    travels
        Whether the observer is sent to the coordinator if the coordinator is in another process,
        as on a cluster. If True, the observer is pickled before any of its methods is called, and
        its methods are called in that process. If False (default), they are called in the process
        of the job. On a cluster ``reached`` and ``evaluated`` are then not called; the evaluations
        are in the ``sn.Fit`` that ``trained`` receives.
    interval
        Smallest time between two calls of ``progressed``, in seconds; 0.1 by default.
    """

    travels: ClassVar[bool] = False
    interval: float = 0.1

    def parted(self) -> tuple[Observer, Observer]:
        """Return two observers: one for this process, one for the process of the coordinator.

        One of the two is this observer, the other does nothing.
        """
        return (Observer(), self) if self.travels else (self, Observer())

    def started(self, problem: Problem) -> None:
        """Receive the problem of a job, before the job begins.

        Parameters
        ----------
        problem
            The problem, with the cochain of the start, the pins and the rule.
        """

    def progressed(self, progress: Progress) -> None:
        """Receive the progress of the job. Called at most once in ``interval``.

        Parameters
        ----------
        progress
            The progress, computed from the latest measurements of every vertex.
        """

    def settled(self, solution: Solution) -> None:
        """Receive the solution of a stay run that has converged under its present pins.

        Parameters
        ----------
        solution
            The solution under these pins. The run goes on and waits for other pins.
        """

    def ended(self, solution: Solution) -> None:
        """Receive the solution of a run that has ended, with any outcome.

        Parameters
        ----------
        solution
            The solution that the run returns.
        """

    def reached(self, checkpoint: Checkpoint) -> None:
        """Receive a checkpoint.

        Called after every evaluation except the first, if the rule learns from batches.
        (Such a rule updates the maps once for each batch.)

        Parameters
        ----------
        checkpoint
            The checkpoint. ``sn.train(..., resumed=checkpoint)`` resumes the training from it.
        """

    def evaluated(self, evaluation: Evaluation) -> None:
        """Receive an evaluation of the network in training.

        Parameters
        ----------
        evaluation
            The evaluation: losses, accuracies and statistics of the edges.
        """

    def trained(self, fit: Fit) -> None:
        """Receive the result of a training that has ended, even if it has diverged.

        Parameters
        ----------
        fit
            The result that the training returns.
        """

    def failed(self, error: BaseException) -> None:
        """Receive the error that ended the job, before it is raised.

        Parameters
        ----------
        error
            The exception, of any type. It may be a ``KeyboardInterrupt``.
        """
