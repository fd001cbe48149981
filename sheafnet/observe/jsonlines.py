"""The event log: one JSON object a line, written as it happens."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sheafnet.runtime.jobs.observer import Observer
from sheafnet.runtime.jobs.results import Fit, Solution
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.progress import Progress
from sheafnet.runtime.run_record import Evaluation

LOGGER = logging.getLogger("sheafnet")


def to_json(value: Any, **options: Any) -> str:
    """Return ``value`` as standard JSON, which has no NaN and no infinity: they become null."""
    return json.dumps(_finite(value), allow_nan=False, **options)


def _finite(value: Any) -> Any:
    match value:
        case dict():
            return {key: _finite(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_finite(inner) for inner in value]
        case float() if not math.isfinite(value):
            return None
        case _:
            return value


class JsonLines(Observer):
    """Appends events to a file.

    They are ``run_started``, ``progress``, ``settled`` or ``evaluation``, and ``run_ended``,
    ``training_ended`` or ``run_failed``; every one has ``event`` and ``time`` (UTC, ISO 8601).
    """

    travels = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._broken = False

    def started(self, problem: Problem) -> None:
        """Log what is run."""
        sheaf = problem.sheaf
        self.write(
            "run_started",
            vertices={vertex: sheaf.stalk_dim(vertex) for vertex in sheaf.vertices},
            edges={edge.name: [edge.tail, edge.head] for edge in sheaf.edges},
            pinned=sorted(problem.pinned),
            pinned_in_part=sorted(problem.pins.keys() - problem.pinned),
            batch=problem.start.batch,
            dtype=str(sheaf.dtype),
            rule=repr(problem.rule),
            tolerance=problem.tolerance,
        )

    def progressed(self, progress: Progress) -> None:
        """Log how far the run has come, with the discord of every edge."""
        self.write(
            "progress",
            rounds=progress.rounds,
            elapsed=progress.time,
            updates=dict(progress.counters.updates),
            messages=progress.messages,
            stationarity=dict(progress.stationarity),
            batches_left=progress.batches_left,
            discord=dict(progress.discord),
            pin_discord=dict(progress.pin_discord),
            energy=progress.energy,
            restarts=dict(progress.restarts),
        )

    def settled(self, solution: Solution) -> None:
        """Log that a run that stays has converged."""
        self._write_solution("settled", solution)

    def ended(self, solution: Solution) -> None:
        """Log how it ended."""
        self._write_solution("run_ended", solution)

    def evaluated(self, evaluation: Evaluation) -> None:
        """Log how good a network in training is."""
        fields = asdict(evaluation)
        self.write("evaluation", elapsed=fields.pop("time"), **fields)

    def trained(self, fit: Fit) -> None:
        """Log how training ended."""
        self.write(
            "training_ended",
            outcome=fit.record.outcome.name,
            diverged=fit.diverged,
            stats=asdict(fit.stats),
        )

    def failed(self, error: BaseException) -> None:
        """Log that the run ended in an error."""
        self.write("run_failed", error=type(error).__name__, message=str(error))

    def _write_solution(self, event: str, solution: Solution) -> None:
        self.write(
            event,
            outcome=solution.outcome.name,
            message=solution.message,
            energy=solution.energy,
            stationarity=solution.stationarity,
            discord=dict(solution.discord),
            pin_discord=dict(solution.pin_discord),
            stats=asdict(solution.stats),
        )

    def write(self, event: str, **fields: Any) -> None:
        """Append one event; it is with the system when this returns.

        A log that cannot be written ends with a warning, not with the run.
        """
        if self._broken:
            return
        line = to_json({"event": event, "time": datetime.now(UTC).isoformat(), **fields})
        try:
            with self._path.open("a", encoding="utf-8") as stream:
                stream.write(line + "\n")
        except OSError as error:
            self._broken = True
            LOGGER.warning("the event log %s ends here: %s", self._path, error)
