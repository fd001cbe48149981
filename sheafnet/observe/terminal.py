"""A progress line on a terminal."""

from __future__ import annotations

import math

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as ProgressBar

from sheafnet.dynamics.problem import Problem
from sheafnet.dynamics.record import Progress
from sheafnet.runtime.ports import Observer
from sheafnet.runtime.solution import Solution


class ProgressLine(Observer):
    """Shows rounds, stationarity and energy while a run goes on, and then disappears.

    The bar is the share of the way from the first stationarity down to the tolerance, on a
    logarithmic scale, along which the heat flow moves evenly.
    """

    def __init__(self, console: Console) -> None:
        self._bar = ProgressBar(
            BarColumn(),
            TextColumn("round {task.fields[rounds]:,}"),
            TextColumn("stationarity {task.fields[worst]:.1e}"),
            TextColumn("energy {task.fields[energy]:.3g}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._task = self._bar.add_task("", total=1.0, rounds=0, worst=math.nan, energy=math.nan)
        self._first: float | None = None
        self._tolerance = 0.0

    def started(self, problem: Problem) -> None:
        """Show the line."""
        self._tolerance = problem.tolerance
        self._bar.start()

    def progressed(self, progress: Progress) -> None:
        """Bring the line up to date."""
        worst = max(progress.stationarity.values())
        self._first = self._first or worst
        way = math.log(self._first / self._tolerance) if self._first > self._tolerance else 0.0
        gone = math.log(self._first / worst) if worst > 0.0 else way
        self._bar.update(
            self._task,
            completed=min(max(gone / way, 0.0), 1.0) if way else 1.0,
            rounds=progress.rounds,
            worst=worst,
            energy=progress.energy,
        )

    def ended(self, solution: Solution) -> None:  # noqa: ARG002
        """Take the line away."""
        self.close()

    def failed(self, error: BaseException) -> None:  # noqa: ARG002
        """Take the line away."""
        self.close()

    def close(self) -> None:
        """Take the line away."""
        self._bar.stop()
