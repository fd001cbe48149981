"""A line on a terminal that shows the progress of a job."""

from __future__ import annotations

import math

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as ProgressBar

from sheafnet.runtime.jobs.observer import Observer
from sheafnet.runtime.jobs.results import Fit, Solution
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.progress import Progress
from sheafnet.runtime.run_record import Evaluation


class ProgressLine(Observer):
    """An observer that shows a progress line while a job runs and removes it at the end.

    For inference, let s be the present stationarity (the largest force), and s₀ the stationarity in
    the first report. The bar shows log(s₀/s) / log(s₀/tolerance). Under ``sn.Heat`` s falls
    exponentially, so that the bar grows at a constant speed. For training the bar shows the share
    of the training steps that are done. Under ``Joint`` it shows the share of the rounds.

    Parameters
    ----------
    console
        Console of the package rich on which the line is drawn.
    """

    def __init__(self, console: Console) -> None:
        self._bar = ProgressBar(
            BarColumn(),
            TextColumn("round {task.fields[rounds]:,}"),
            TextColumn("{task.fields[text]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._task = self._bar.add_task("", total=1.0, rounds=0, text="")
        self._first: float | None = None
        self._problem: Problem | None = None

    def started(self, problem: Problem) -> None:
        """Begin to draw the line."""
        self._problem = problem
        self._bar.start()

    def progressed(self, progress: Progress) -> None:
        """Update the bar, the number of rounds and the text."""
        problem = self._problem
        if problem is None:
            return
        if problem.learns:
            self._first = self._first or progress.batches_left
            share = progress.rounds / problem.stop.max_rounds
            if problem.learns_in_steps and self._first:
                share = 1.0 - progress.batches_left / self._first
            self._bar.update(self._task, completed=share, rounds=progress.rounds)
            return
        worst = max(progress.stationarity.values(), default=0.0)
        self._first = self._first or worst
        way = math.log(self._first / problem.tolerance) if self._first > problem.tolerance else 0.0
        gone = math.log(self._first / worst) if worst > 0.0 else way
        self._bar.update(
            self._task,
            completed=min(max(gone / way, 0.0), 1.0) if way else 1.0,
            rounds=progress.rounds,
            text=f"stationarity {worst:.1e}, energy {progress.energy:.3g}",
        )

    def evaluated(self, evaluation: Evaluation) -> None:
        """Show the loss on the training samples and, if there are any, on the test samples."""
        text = f"loss {evaluation.train.loss:.4g}"
        if evaluation.test is not None:
            text += f", {evaluation.test.loss:.4g} on other samples"
        self._bar.update(self._task, text=text)

    def trained(self, fit: Fit) -> None:  # noqa: ARG002
        """Remove the line."""
        self.close()

    def ended(self, solution: Solution) -> None:  # noqa: ARG002
        """Remove the line."""
        self.close()

    def failed(self, error: BaseException) -> None:  # noqa: ARG002
        """Remove the line."""
        self.close()

    def close(self) -> None:
        """Remove the line from the terminal."""
        self._bar.stop()
