"""The job that trains a network: vertices update their maps, and the network is evaluated."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from sheafnet.core import energy as energies
from sheafnet.core.loss import assess
from sheafnet.core.maps import Affine, RestrictionMap
from sheafnet.core.naming import weight_edge
from sheafnet.core.network import ReluNetwork
from sheafnet.core.targets import Split
from sheafnet.dynamics.training.plan import TrainingPlan
from sheafnet.dynamics.training_state import EdgeStats
from sheafnet.errors import NonFiniteError
from sheafnet.runtime.interface import Runtime
from sheafnet.runtime.jobs.checkpoint import Checkpoint
from sheafnet.runtime.jobs.job import Job, JobHooks
from sheafnet.runtime.jobs.observer import Observer
from sheafnet.runtime.jobs.results import Fit
from sheafnet.runtime.jobs.run import Run
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.progress import Progress
from sheafnet.runtime.run_record import Evaluation, Record
from sheafnet.runtime.snapshot import Snapshot
from sheafnet.runtime.stop import Outcome


@dataclass(frozen=True, kw_only=True)
class TrainingProblem(Problem):
    """A training problem: a problem with a rule that updates restriction maps.

    It has the fields of ``sheafnet.runtime.problem.Problem``, and also the data and the plan.

    Attributes
    ----------
    network
        The network at the start.
    train
        Samples from which the maps are updated.
    test
        Test samples, from which no map is updated and on which the network is evaluated. None if
        there are no test samples.
    plan
        Batches, number of steps, optimiser, and number of steps from one evaluation to the next.
    patience
        Number of successive evaluations without a lower loss after which training stops; 1 or
        more. The loss is that of the test samples, or of the training samples if ``test`` is None.
        With None training does not stop early.
    past
        Checkpoint from which training is resumed. None (default) if training begins at step 0.
    """

    network: ReluNetwork
    train: Split
    test: Split | None
    plan: TrainingPlan
    patience: int | None
    past: Checkpoint | None = None

    def chosen(self, history: Sequence[Evaluation]) -> Evaluation:
        """Return the evaluation whose network is the result of the training.

        It is the evaluation with the lowest loss if ``patience`` is given, otherwise the last one.

        Parameters
        ----------
        history
            Evaluations in order; at least one evaluation.
        """
        if self.patience is None:
            return history[-1]
        return min(history, key=_mark)


def _mark(evaluation: Evaluation) -> float:
    """Return the loss by which evaluations are compared.

    It is the loss of the test samples, or of the training samples if there are no test samples. A
    loss that is NaN counts as infinite.
    """
    loss = (evaluation.test or evaluation.train).loss
    return loss if loss == loss else math.inf


class Training(Job[Fit]):
    """A training: the execution of one training problem on one runtime.

    ``sn.prepare_training`` returns a training that has not been started.

    Parameters
    ----------
    problem
        The training problem to run.
    runtime
        The runtime that runs it, such as an ``sn.Lockstep``.
    observer
        The observer whose methods are called during the training. If the coordinator of ``runtime``
        is in another process and ``observer.travels`` is true, they are called in that process.

    Attributes
    ----------
    problem
        The training problem, with the pins and maps of the start.
    runtime
        The runtime. If its coordinator is in another process, this is a copy of the runtime. The
        copy sends the observer to that process if ``observer.travels`` is true.
    remote
        Whether the coordinator of the runtime is in another process than the training.
    """

    problem: TrainingProblem
    _hooks: _TrainingHooks

    def _make_hooks(self, observer: Observer) -> _TrainingHooks:
        return _TrainingHooks(self.problem, observer, evaluates=not self.remote)

    def _conclude(self, record: Record) -> Fit:
        if not record.history:  # This job evaluated the network.
            record = self._hooks.concluded(record)
        stopped = record.outcome is Outcome.STOPPED
        if self.problem.learns_in_steps and record.outcome is not Outcome.DIVERGED:
            # The outcome may be STOPPED although all hosts finished before the request to stop
            # reached them.
            stopped = record.history[-1].step < self.problem.plan.steps
        fit = Fit(
            network=learned(self.problem.network, record.maps),
            evaluation=self.problem.chosen(record.history),
            history=record.history,
            stats=record.stats,
            stopped=stopped,
            diverged=record.message if record.outcome is Outcome.DIVERGED else None,
            record=record,
        )
        self._observer.trained(fit)
        return fit

    def start(self) -> Training:
        """Start the training in a new thread and return this job at once. Call this only once."""
        super().start()
        return self


class _TrainingHooks(JobHooks):
    """The hooks of a training. They also evaluate the network.

    They stop the training if ``patience`` evaluations in succession have not lowered the loss.

    Parameters
    ----------
    problem
        The training problem.
    observer
        Observer that is called with progress, evaluations and checkpoints.
    evaluates
        Whether these hooks evaluate the network. It is False if the coordinator is in another
        process, because then the hooks in that process evaluate the network.
    """

    def __init__(self, problem: TrainingProblem, observer: Observer, *, evaluates: bool) -> None:
        super().__init__(observer)
        self._problem = problem
        self._evaluates = evaluates
        self._history: list[Evaluation] = []
        # Maps of the network to return: those of the evaluation with the lowest loss if
        # ``patience`` is given, otherwise those of the last evaluation.
        self._maps: Mapping[str, RestrictionMap] = {}
        # Like ``_maps``, but only the evaluations that the plan asks for are considered. These
        # maps are stored in checkpoints.
        self._best: Mapping[str, RestrictionMap] = {}
        self._due = 0
        # Time at the checkpoint from which training was resumed; 0 if it was not resumed.
        self._before = 0.0
        # Whether ``patience`` has stopped the training. Hosts go on for a while after the request
        # to stop; their later reports are ignored.
        self._closed = False

    def begin(self) -> None:
        if not self._evaluates:
            return
        past = self._problem.past
        if past is None:
            network = self._problem.network
            maps = dict(zip(_weights(network), network.layers, strict=True))
            self._evaluate(0, 0.0, maps, {}, {})
            self._best = self._maps
            self._due = self._problem.plan.evaluate_every
        else:
            self._before = past.snapshot.time
            self._history = list(past.history)
            self._maps = self._best = past.best or past.snapshot.maps
            self._lose_patience()

    def on_round(self, rounds: int, progress: Callable[[], Progress]) -> None:
        super().on_round(rounds, progress)
        free = self._evaluates and not self._closed and not self._problem.learns_in_steps
        if free and rounds >= self._due:
            every = self._problem.plan.evaluate_every
            self._due = rounds - rounds % every + every
            now = progress()
            self._evaluate(rounds, now.time, now.maps, now.discord, {})
            self._lose_patience()

    def on_snapshot(self, snapshot: Snapshot) -> None:
        if not self._evaluates or self._closed:
            return
        maps, edge_stats, time = snapshot.maps, snapshot.edge_stats, self._before + snapshot.time
        discord = {edge: stats.discord for edge, stats in edge_stats.items()}
        if not self._evaluate(snapshot.step, time, maps, discord, edge_stats):
            return
        # The last evaluation of a stopped training may be one that the plan does not ask for. It
        # must not influence a training that is resumed from this checkpoint.
        due = self._problem.plan.evaluates_at
        if due(snapshot.step):
            self._best = self._maps
            self._lose_patience()
        history = tuple(it for it in self._history if due(it.step))
        best = None if self._best is maps else cast("dict[str, Affine]", self._best)
        self._observer.reached(Checkpoint(replace(snapshot, time=time), history, best))

    def concluded(self, record: Record) -> Record:
        """Return ``record`` with all evaluations and with the maps of the network to return."""
        # Under a rule that learns from batches, the maps at the end may belong to different steps.
        # Only the maps of an evaluation belong to the same step. Under any other rule the maps at
        # the end are evaluated as well.
        free = not self._problem.learns_in_steps and record.outcome is not Outcome.DIVERGED
        stats = record.stats
        if free and not self._closed and stats.rounds > self._history[-1].step:
            network = learned(self._problem.network, record.maps)
            discord = energies.discord(energies.residuals(network.to_sheaf(), record.cochain))
            time = stats.virtual_time or stats.wall_time
            self._evaluate(stats.rounds, time, record.maps, discord, {})
        return replace(record, maps=self._maps, history=tuple(self._history))

    def _evaluate(
        self,
        step: int,
        time: float,
        maps: Mapping[str, RestrictionMap],
        discord: Mapping[str, float],
        edge_stats: Mapping[str, EdgeStats],
    ) -> bool:
        """Evaluate the network with ``maps`` and add the evaluation to the history.

        If a map is not finite, the network is not evaluated and the result is False. Otherwise the
        result is True.
        """
        problem, history = self._problem, self._history
        try:
            network = learned(problem.network, maps)
        except NonFiniteError:
            return False
        test = None if problem.test is None else assess(network, problem.test.x, problem.test.y)
        evaluation = Evaluation(
            step=step,
            time=time,
            train=assess(network, problem.train.x, problem.train.y),
            test=test,
            discord=dict(discord),
            tension={edge: stats.tension for edge, stats in edge_stats.items()},
            step_norm={edge: edge_stats[edge].step_norm for edge in maps if edge in edge_stats},
        )
        history.append(evaluation)
        if problem.chosen(history) is evaluation:
            self._maps = maps
        self._observer.evaluated(evaluation)
        return True

    def _lose_patience(self) -> None:
        """Stop the training if the last ``patience`` evaluations have not lowered the loss."""
        patience, history = self._problem.patience, self._history
        if patience is None:
            return
        best = history.index(self._problem.chosen(history))
        if len(history) - 1 - best >= patience:
            self.stop()
            self._closed = True


def _weights(network: ReluNetwork) -> list[str]:
    """Return the names of the edges with affine maps, from the input to the output."""
    return [weight_edge(layer) for layer in range(1, len(network.layers) + 1)]


def learned(network: ReluNetwork, maps: Mapping[str, RestrictionMap]) -> ReluNetwork:
    """Return a network whose affine maps are taken from ``maps``.

    Parameters
    ----------
    network
        Network from which the result takes its number of layers and its output activation.
    maps
        Edge → the map at its tail; an affine map for every edge ``weight_<l>`` of ``network``.

    Raises
    ------
    NonFiniteError
        If a map contains NaN or infinity.
    """
    layers = [maps[edge] for edge in _weights(network)]
    affine = [layer for layer in layers if isinstance(layer, Affine)]
    return ReluNetwork(
        [layer.matrix for layer in affine], [layer.bias for layer in affine], network.output
    )


def job_of(problem: Problem, runtime: Runtime, observer: Observer) -> Run | Training:
    """Return the job for a problem: a training if it is a ``TrainingProblem``, otherwise a run.

    Parameters
    ----------
    problem
        Problem to run.
    runtime
        Runtime that runs it.
    observer
        Observer whose methods are called during the job.
    """
    if isinstance(problem, TrainingProblem):
        return Training(problem, runtime, observer)
    return Run(problem, runtime, observer)
