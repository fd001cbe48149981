"""An observer that passes each call to several observers."""

from __future__ import annotations

from collections.abc import Iterable

from sheafnet.runtime.jobs.checkpoint import Checkpoint
from sheafnet.runtime.jobs.observer import Observer
from sheafnet.runtime.jobs.results import Fit, Solution
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.progress import Progress
from sheafnet.runtime.run_record import Evaluation


class CompositeObserver(Observer):
    """An observer that consists of several observers and calls them one after another.

    Parameters
    ----------
    observers
        The observers, in the order in which they are called. ``progressed`` of all of them is
        called at the shortest of their intervals.
    """

    def __init__(self, observers: Iterable[Observer]) -> None:
        self.observers = tuple(observers)
        self.interval = min(
            (observer.interval for observer in self.observers), default=Observer.interval
        )

    def parted(self) -> tuple[Observer, Observer]:
        parts = [observer.parted() for observer in self.observers]
        return CompositeObserver(stays for stays, _ in parts), CompositeObserver(
            goes for _, goes in parts
        )

    def started(self, problem: Problem) -> None:
        for observer in self.observers:
            observer.started(problem)

    def progressed(self, progress: Progress) -> None:
        for observer in self.observers:
            observer.progressed(progress)

    def settled(self, solution: Solution) -> None:
        for observer in self.observers:
            observer.settled(solution)

    def ended(self, solution: Solution) -> None:
        for observer in self.observers:
            observer.ended(solution)

    def reached(self, checkpoint: Checkpoint) -> None:
        for observer in self.observers:
            observer.reached(checkpoint)

    def evaluated(self, evaluation: Evaluation) -> None:
        for observer in self.observers:
            observer.evaluated(evaluation)

    def trained(self, fit: Fit) -> None:
        for observer in self.observers:
            observer.trained(fit)

    def failed(self, error: BaseException) -> None:
        for observer in self.observers:
            observer.failed(error)
