"""Training: a job whose vertices change their maps, looked at from time to time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sheafnet.core import energy as energies
from sheafnet.core.arrays import Array
from sheafnet.core.assessment import assess
from sheafnet.core.maps import Affine, RestrictionMap
from sheafnet.core.network import ReluNetwork
from sheafnet.dynamics.lessons import Cut, Lesson
from sheafnet.dynamics.problem import Problem
from sheafnet.dynamics.record import Evaluation, Progress, Record, Stats
from sheafnet.dynamics.stop import Outcome
from sheafnet.runtime.job import Guide, Job
from sheafnet.runtime.ports import Observer, Runtime
from sheafnet.runtime.run import Run


@dataclass(frozen=True, eq=False)
class Split:
    """Inputs (n_0, samples) and targets (n_out, samples)."""

    x: Array
    y: Array


@dataclass(frozen=True, kw_only=True)
class Lessons(Problem):
    """What to learn, beside what to relax.

    Attributes
    ----------
    network
        As it begins.
    train, test
        What it learns from, and what else it is looked at with.
    every
        Steps, or rounds under a rule without steps, between two looks.
    patience
        After how many looks in a row without a better loss to stop, on the test split if there is
        one; None goes on.
    """

    network: ReluNetwork
    train: Split
    test: Split | None
    every: int
    patience: int | None


@dataclass(frozen=True, eq=False)
class Fit:
    """What training came to.

    Attributes
    ----------
    network
        The network as training left it, with the last finite maps if it diverged; the best one that
        was looked at if it was to stop early.
    history
        One record for each look, the first before anything has moved.
    stats
        What it cost.
    stopped
        Whether it was stopped before its time, on request or for want of progress.
    diverged
        Where and when it diverged and what to lower; None if it did not.
    record
        What the runtime handed back.
    """

    network: ReluNetwork
    history: tuple[Evaluation, ...]
    stats: Stats
    stopped: bool
    diverged: str | None
    record: Record


class Training(Job[Fit]):
    """One course of training on one runtime; see ``Job``."""

    problem: Lessons
    _guide: _Guide

    def _guided(self, observer: Observer) -> _Guide:
        return _Guide(self.problem, observer, watches=not self.remote)

    def _conclude(self, record: Record) -> Fit:
        if not record.history:  # nobody looked from where the coordinator is
            record = self._guide.concluded(record)
        fit = Fit(
            network=learned(self.problem.network, record.maps),
            history=record.history,
            stats=record.stats,
            stopped=record.outcome is Outcome.STOPPED,
            diverged=record.message if record.outcome is Outcome.DIVERGED else None,
            record=record,
        )
        self._observer.trained(fit)
        return fit

    def start(self) -> Training:
        """Begin in a thread of its own; return at once."""
        super().start()
        return self


class _Guide(Guide):
    """Evaluates the network on the way.

    Parameters
    ----------
    problem
        What is learned.
    observer
        Is told.
    watches
        Whether to look from here; a remote runtime has its own guide.
    """

    def __init__(self, problem: Lessons, observer: Observer, *, watches: bool) -> None:
        super().__init__(observer)
        self._problem = problem
        self._watches = watches
        self._history: list[Evaluation] = []
        self._best: tuple[float, int, Mapping[str, RestrictionMap]] | None = None
        self._latest: Mapping[str, RestrictionMap] = {}
        self._due = 0

    def begin(self) -> None:
        if self._watches and self._problem.rule.by_batch:
            network = self._problem.network
            maps = dict(zip(_weights(network), network.layers, strict=True))
            self._evaluate(0, 0.0, maps, {}, {})

    def look(self, rounds: int, ask: Callable[[], Progress]) -> None:
        super().look(rounds, ask)
        if self._watches and not self._problem.rule.by_batch and rounds >= self._due:
            every = self._problem.every
            self._due = rounds - rounds % every + every
            now = ask()
            self._evaluate(rounds, now.time, now.maps, now.discord, {})

    def cut(self, cut: Cut) -> None:
        if self._watches:
            discord = {edge: lesson.discord for edge, lesson in cut.lessons.items()}
            self._evaluate(cut.step, cut.time, cut.maps, discord, cut.lessons)

    def concluded(self, record: Record) -> Record:
        """Return the record with the history, and with the maps that count."""
        rule = self._problem.rule
        maps = record.maps or self._latest
        stats = record.stats
        step = stats.rounds // rule.sweeps
        whole = rule.by_batch and record.outcome is Outcome.CONVERGED
        # A run that ends before its time may have gone on since the last look.
        if not whole and (not self._history or step > self._history[-1].step):
            network = learned(self._problem.network, maps)
            discord: Mapping[str, float] = {}
            if not rule.by_batch and record.outcome is not Outcome.DIVERGED:
                discord = energies.discord(energies.residuals(network.to_sheaf(), record.cochain))
            self._evaluate(step, stats.virtual_time or stats.wall_time, maps, discord, {})
        if self._problem.patience is not None and self._best is not None:
            maps = self._best[2]
        return replace(record, maps=maps, history=tuple(self._history))

    def _evaluate(
        self,
        step: int,
        time: float,
        maps: Mapping[str, RestrictionMap],
        discord: Mapping[str, float],
        lessons: Mapping[str, Lesson],
    ) -> None:
        problem = self._problem
        network = learned(problem.network, maps)
        test = None if problem.test is None else assess(network, problem.test.x, problem.test.y)
        evaluation = Evaluation(
            step=step,
            time=time,
            train=assess(network, problem.train.x, problem.train.y),
            test=test,
            discord=dict(discord),
            tension={edge: lesson.tension for edge, lesson in lessons.items()},
            step_norm={edge: lessons[edge].length for edge in maps if edge in lessons},
        )
        self._latest = maps
        self._history.append(evaluation)
        self._observer.evaluated(evaluation)
        loss = (evaluation.test or evaluation.train).loss
        place = len(self._history)
        if self._best is None or loss < self._best[0]:
            self._best = loss, place, maps
        elif problem.patience is not None and place - self._best[1] >= problem.patience:
            self.stop()


def _weights(network: ReluNetwork) -> list[str]:
    return [f"weight_{layer}" for layer in range(1, len(network.layers) + 1)]


def learned(network: ReluNetwork, maps: Mapping[str, RestrictionMap]) -> ReluNetwork:
    """Return ``network`` with the maps that its vertices have learned."""
    layers = [maps[edge] for edge in _weights(network)]
    affine = [layer for layer in layers if isinstance(layer, Affine)]
    return ReluNetwork(
        [layer.matrix for layer in affine], [layer.bias for layer in affine], network.output
    )


def job_of(problem: Problem, runtime: Runtime, observer: Observer) -> Run | Training:
    """Return the job of a problem: a run, or training."""
    if isinstance(problem, Lessons):
        return Training(problem, runtime, observer)
    return Run(problem, runtime, observer)
