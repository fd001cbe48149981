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
    """A runtime whose coordinator works in a process of its own, where observers can be called."""

    def attended(self, observer: Observer) -> Runtime:
        """Return a runtime that sends an observer along with the coordinator.

        Parameters
        ----------
        observer
            Observer that is pickled and then called in the process of the coordinator.
        """


class Observer:
    """An object whose methods are called during a job; those of this base class do nothing.

    Override the methods that you need. They are called in the thread that runs the job, so they
    should return quickly. An exception that a method raises ends the job.

    Attributes
    ----------
    travels
        Whether the observer is called in the process of the coordinator, where that is another
        one. It is pickled before any of its methods is called. On a cluster an observer that does
        not travel (default) is not called with checkpoints or evaluations, except those in the
        ``sn.Fit`` at the end.
    interval
        Smallest time between two calls of ``progressed``, in seconds; 0.1 by default.
    """

    travels: ClassVar[bool] = False
    interval: float = 0.1

    def parted(self) -> tuple[Observer, Observer]:
        """Return the observer for this process, and the one for the process of the coordinator."""
        return (Observer(), self) if self.travels else (self, Observer())

    def started(self, problem: Problem) -> None:
        """Receive the problem of a job that is about to begin.

        Parameters
        ----------
        problem
            The problem, with its start, pins and rule.
        """

    def progressed(self, progress: Progress) -> None:
        """Receive the progress of the job, at most once in ``interval``.

        Parameters
        ----------
        progress
            The progress, as the vertices last reported it.
        """

    def settled(self, solution: Solution) -> None:
        """Receive the solution of a stay run that has converged under its present pins.

        Parameters
        ----------
        solution
            The solution; the run goes on.
        """

    def ended(self, solution: Solution) -> None:
        """Receive the solution of a run that has ended, whatever its outcome.

        Parameters
        ----------
        solution
            The solution that the run returns.
        """

    def reached(self, checkpoint: Checkpoint) -> None:
        """Receive a checkpoint after an evaluation, under a rule that learns in steps.

        Parameters
        ----------
        checkpoint
            State from which ``sn.train(..., resumed=checkpoint)`` goes on.
        """

    def evaluated(self, evaluation: Evaluation) -> None:
        """Receive an evaluation of the network in training.

        Parameters
        ----------
        evaluation
            Losses, accuracies and statistics of the edges.
        """

    def trained(self, fit: Fit) -> None:
        """Receive the result of a training that has ended, also when it diverged.

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
            Any exception, ``KeyboardInterrupt`` among them.
        """
