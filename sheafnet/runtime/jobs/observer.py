"""Observers: told of the start, the progress and the end of a job."""

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
    """A runtime whose coordinator works in a process of its own."""

    def attended(self, observer: Observer) -> Runtime:
        """Return the runtime with ``observer`` beside the coordinator, told from there."""


class Observer:
    """Is told what happens in a run; override what is of interest.

    Calls come from the thread that runs the problem, so an observer should be quick. What it
    raises ends the run.

    Attributes
    ----------
    travels
        Whether the observer goes where the coordinator is, maybe to another process of this
        machine. It is pickled on the way, before it has been told of anything.
    interval
        Seconds that pass at least between two reports of progress.
    """

    travels: ClassVar[bool] = False
    interval: float = 0.1

    def parted(self) -> tuple[Observer, Observer]:
        """Return the part that stays and the part that goes with the coordinator."""
        return (Observer(), self) if self.travels else (self, Observer())

    def started(self, problem: Problem) -> None:
        """Take note that the run begins."""

    def progressed(self, progress: Progress) -> None:
        """Take note of how far the run has come."""

    def settled(self, solution: Solution) -> None:
        """Take note that a run that stays has converged under the pins of now."""

    def ended(self, solution: Solution) -> None:
        """Take note of how the run ended."""

    def reached(self, checkpoint: Checkpoint) -> None:
        """Take all that it takes to go on with training from here."""

    def evaluated(self, evaluation: Evaluation) -> None:
        """Take note of how good a network in training was found to be."""

    def trained(self, fit: Fit) -> None:
        """Take note of how training ended."""

    def failed(self, error: BaseException) -> None:
        """Take note that the run ended in an error, which is raised after this."""
