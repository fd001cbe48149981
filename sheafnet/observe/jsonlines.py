"""The event log: a file with a JSON object on a line for each event, written when it happens."""

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
    """Return ``value`` as standard JSON. NaN and infinity become null, since JSON lacks them.

    Parameters
    ----------
    value
        Dicts, lists, tuples, strings, numbers, booleans and None, nested in any way.
    options
        Keyword arguments of ``json.dumps``, such as ``indent``.
    """
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
    """An observer that appends events to a file.

    The first event is ``run_started``. Any number of events ``progress`` follow. A stay run (a run
    that waits for other pins after it has converged) also has events ``settled``. A training also
    has events ``evaluation``. The last event is ``run_ended``, ``training_ended`` or
    ``run_failed``. Every event has the keys ``event`` and ``time`` (UTC, ISO 8601).

    Parameters
    ----------
    path
        Path of the file. If the file exists, events are appended to it.
    """

    travels = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._broken = False

    def started(self, problem: Problem) -> None:
        """Log the sheaf, the pinned vertices, the rule and the tolerance."""
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
        """Log the progress: rounds, updates, messages, energy, discord of every edge and more."""
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
        """Log that a stay run has converged under its present pins."""
        self._write_solution("settled", solution)

    def ended(self, solution: Solution) -> None:
        """Log the outcome and the result of the run."""
        self._write_solution("run_ended", solution)

    def evaluated(self, evaluation: Evaluation) -> None:
        """Log an evaluation of the network in training."""
        fields = asdict(evaluation)
        self.write("evaluation", elapsed=fields.pop("time"), **fields)

    def trained(self, fit: Fit) -> None:
        """Log the outcome of the training."""
        self.write(
            "training_ended",
            outcome=fit.record.outcome.name,
            diverged=fit.diverged,
            stats=asdict(fit.stats),
        )

    def failed(self, error: BaseException) -> None:
        """Log the error that ended the run."""
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
        """Append one event to the file, and return when the operating system has received it.

        If the file cannot be written, a warning is logged. This event and all later ones are then
        dropped, and the run goes on.

        Parameters
        ----------
        event
            Name of the event.
        fields
            Further keys of the event and their values.
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
