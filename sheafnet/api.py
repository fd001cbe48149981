"""The calls that do a job: what is asked, checked once, and handed to a runtime."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike

from sheafnet.core.cochain import Cochain
from sheafnet.core.network import ReluNetwork
from sheafnet.core.pins import Pin, resolve_pins
from sheafnet.core.sheaf import Sheaf
from sheafnet.core.stalkpins import wholly_held
from sheafnet.core.targets import Split
from sheafnet.dynamics.optimisers import Optimiser
from sheafnet.dynamics.rule import Rule
from sheafnet.dynamics.rules import as_rule
from sheafnet.dynamics.rules.joint import Joint
from sheafnet.dynamics.rules.nudged import Nudged
from sheafnet.dynamics.rules.relax import Relax
from sheafnet.errors import InputError, RuleError
from sheafnet.runtime.interface import Runtime
from sheafnet.runtime.jobs.checkpoint import Checkpoint
from sheafnet.runtime.jobs.initial import Init, initial_cochain
from sheafnet.runtime.jobs.observer import Observer
from sheafnet.runtime.jobs.results import Fit, Solution
from sheafnet.runtime.jobs.run import Run
from sheafnet.runtime.jobs.training import Training, TrainingProblem
from sheafnet.runtime.jobs.training_setup import (
    other_split,
    planned,
    require_settings,
    softened,
    split,
)
from sheafnet.runtime.lockstep import Lockstep
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.simulator.light_cone import LightCone, Push, spread
from sheafnet.runtime.simulator.simulator import Simulator
from sheafnet.runtime.stop import Stop


class InferSettings(TypedDict, total=False):
    """What ``infer``, ``start`` and ``prepare`` take beside the sheaf and the pins."""

    rule: str | Rule
    runtime: Runtime | None
    stop: Stop | None
    init: Init
    seed: int
    observer: Observer | None


def infer(sheaf: Sheaf, pins: Iterable[Pin] = (), **settings: Unpack[InferSettings]) -> Solution:
    """Relax a sheaf until every free vertex agrees with its neighbours as well as it can.

    Parameters
    ----------
    sheaf
        What to relax; ``ReluNetwork.to_sheaf()`` gives that of a network.
    pins
        Stalks, or coordinates of them, to hold or to pull.
    rule
        What each vertex does: ``"prox"``, ``"sor"``, ``"active-set"``, ``"heat"``,
        ``"coboundary"``, or a rule with its settings.
    runtime
        Where to run; ``Lockstep()`` if not given.
    stop
        When to stop; ``Stop()`` if not given.
    init
        Where to start: ``"random"``, ``"zeros"``, ``"forward"`` or a cochain.
    seed
        For a random start.
    observer
        Is told of the start, of progress and of the end.

    Returns
    -------
    Solution
        Also when the run did not converge: see its ``outcome``.

    Raises
    ------
    InputError
        If something given is wrong; the subclass and the message say what.
    """
    return prepare(sheaf, pins, **settings).execute()


def start(sheaf: Sheaf, pins: Iterable[Pin] = (), **settings: Unpack[InferSettings]) -> Run:
    """Begin what ``infer`` does and return at once; the arguments are the same.

    Returns
    -------
    Run
        With ``progress()``, ``stop()`` and ``result()``.
    """
    return prepare(sheaf, pins, **settings).start()


def prepare(
    sheaf: Sheaf,
    pins: Iterable[Pin] = (),
    *,
    rule: str | Rule = "prox",
    runtime: Runtime | None = None,
    stop: Stop | None = None,
    init: Init = "random",
    seed: int = 0,
    observer: Observer | None = None,
) -> Run:
    """Check what ``infer`` is asked for and return its run, not begun yet.

    The arguments and errors are those of ``infer``.
    """
    problem = _problem(sheaf, pins, rule, stop or Stop(), init, seed)
    if problem.rule.learns:
        raise RuleError("the rule changes the maps, which is to train: use train(net, x, y, …)")
    return Run(problem, runtime or Lockstep(), observer or Observer())


def _problem(
    sheaf: Sheaf, pins: Iterable[Pin], rule: str | Rule, stop: Stop, init: Init, seed: int
) -> Problem:
    """Check what is asked for and return the problem that it is."""
    # Values that are the same for all samples take the batch of a start that is given.
    resolved = resolve_pins(sheaf, pins, init.batch if isinstance(init, Cochain) else None)
    sheaf = sheaf.facing(wholly_held(resolved))
    chosen = as_rule(rule)
    chosen.check(sheaf, resolved)
    at = initial_cochain(sheaf, resolved, init, seed)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is the run's to report
        sheaf.require_maps(at)
    return Problem(sheaf=sheaf, pins=resolved, start=at, rule=chosen, stop=stop)


class TrainSettings(TypedDict, total=False):
    """What ``train`` and ``prepare_training`` take beside the network, inputs and targets."""

    rule: str | Rule
    optimiser: Optimiser | None
    rounds: int | None
    epochs: float | None
    max_time: float | None
    batch_size: int | None
    batches_in_flight: int
    seed: int
    runtime: Runtime | None
    init: Init
    test: Split | tuple[ArrayLike, ArrayLike] | None
    every: int | None
    patience: int | None
    label_smoothing: float
    observer: Observer | None
    resumed: Checkpoint | None


def train(net: ReluNetwork, x: ArrayLike, y: ArrayLike, **settings: Unpack[TrainSettings]) -> Fit:
    """Train a network by local rules, without a backward pass.

    Input and output are pinned to the data; every map is moved by its owner, from its own stalk
    and its own edge.

    Parameters
    ----------
    net
        Where the maps start.
    x
        Inputs, shape (n_0, samples).
    y
        Targets, shape (n_out, samples), or integer labels, shape (samples,).
    rule
        ``"nudged"``, the default, ``"relax"``, or a rule with its settings, as ``Joint(…)``, in
        which stalks and maps move all the time.
    optimiser
        How each map learns: ``Sgd(…)``, ``Adam(…)`` or ``Kron(…)``. Not needed for ``Joint`` with
        its own beta and dt.
    rounds, epochs
        How long: one of both. In a round every edge carries one message each way: a step of
        ``Nudged``, a sweep of ``Relax``.
    max_time
        Stop after so much virtual time, or so many seconds on a cluster, if it is not over before.
    batch_size
        Samples in a step; all, if not given. ``Joint`` takes all.
    batches_in_flight
        How many batches may be in flight at a time: layers then work on different ones at once,
        with maps that are up to ``batches_in_flight`` − 1 steps old. ``Joint`` has no batches.
    seed
        For the order of the samples, and a random start.
    runtime
        ``Lockstep()`` if not given. When a host is lost with its maps, all hosts go back to the
        last evaluation; ``Joint`` has none to go back to.
    init
        Where the stalks start under ``Joint``, as for ``infer``; the forward pass, if not given.
    test
        Inputs and targets that are evaluated as well: a pair, or what ``task`` gives.
    every
        Steps (rounds, under ``Joint``) between evaluations; an epoch, or a tenth of the whole, if
        not given.
    patience
        Stop after so many evaluations without a better loss, and return the best network.
    label_smoothing
        Share of each one-hot target that is spread over all classes, in [0, 1).
    observer
        Is told of progress, of every evaluation and of the end.
    resumed
        From where to go on: what an observer was handed. All else is to be as it was.

    Returns
    -------
    Fit
        Also when it diverged: the network of the last evaluation before, and ``diverged`` says what
        to lower.

    Raises
    ------
    InputError
        If something given is wrong; the subclass and the message say what.
    """
    return prepare_training(net, x, y, **settings).execute()


def prepare_training(
    net: ReluNetwork,
    x: ArrayLike,
    y: ArrayLike,
    *,
    rule: str | Rule = "nudged",
    optimiser: Optimiser | None = None,
    rounds: int | None = None,
    epochs: float | None = None,
    max_time: float | None = None,
    batch_size: int | None = None,
    batches_in_flight: int = 1,
    seed: int = 0,
    runtime: Runtime | None = None,
    init: Init = "forward",
    test: Split | tuple[ArrayLike, ArrayLike] | None = None,
    every: int | None = None,
    patience: int | None = None,
    label_smoothing: float = 0.0,
    observer: Observer | None = None,
    resumed: Checkpoint | None = None,
) -> Training:
    """Check what ``train`` is asked for and return its job, not begun yet.

    The arguments and errors are those of ``train``.
    """
    runtime = runtime or Lockstep()
    rule = as_rule(rule)
    if isinstance(rule, Joint) and isinstance(runtime, Simulator) and runtime.restarts:
        raise InputError(
            "train: Joint has no steps to go back to, and a host that crashes forgets its maps; "
            "leave restarts out, or use Nudged or Relax"
        )
    if not isinstance(rule, Joint | Nudged | Relax):
        raise RuleError(f"train: {type(rule).__name__} does not learn; use Nudged, Relax or Joint")
    if init != "forward" and not isinstance(rule, Joint):
        raise InputError("train: every batch starts on its forward pass; init is for Joint")
    if resumed is not None and isinstance(rule, Joint):
        raise RuleError("train: Joint has no snapshots to go on from")
    counts = {
        "rounds": rounds, "batch_size": batch_size, "batches_in_flight": batches_in_flight,
        "every": every,
        "patience": patience,
    }  # fmt: skip
    require_settings(optimiser, counts)
    train_split = split(net, x, y, "")
    test_split = None if test is None else other_split(net, test)
    aims = softened(net, train_split.y, label_smoothing)
    plan = planned(
        rule, train_split, optimiser, rounds, epochs, batch_size, batches_in_flight, seed, every
    )
    snapshot = None if resumed is None else resumed.snapshot
    if snapshot is not None and snapshot.batches_in_flight not in (None, batches_in_flight):
        raise InputError(
            "train: the checkpoint is of a training with batches_in_flight "
            f"{snapshot.batches_in_flight}, not {batches_in_flight}"
        )
    rule = replace(rule, plan=plan)
    pull, strength = _pull(rule, net)
    sheaf = net.to_sheaf("auto", strength)
    pins = [Pin("a0", train_split.x), Pin(net.output_vertex, aims, strength=pull)]
    if isinstance(rule, Joint):
        # Stalks at rest are no reason to end while maps move.
        stop = Stop(sys.float_info.min, plan.steps, max_time)
        start = _problem(sheaf, pins, rule, stop, init, seed)
    else:
        resolved = resolve_pins(sheaf, pins)
        sheaf = sheaf.facing(wholly_held(resolved))
        blank = {v: np.zeros((sheaf.stalk_dim(v), plan.batches.size)) for v in sheaf.vertices}
        nothing = Cochain({v: x.astype(sheaf.dtype) for v, x in blank.items()})
        # It ends with its last step, however many messages that takes.
        start = Problem(sheaf, resolved, nothing, rule, Stop(None, sys.maxsize, max_time))
    problem = TrainingProblem(
        start.sheaf, start.pins, start.start, start.rule, start.stop, snapshot,
        network=net, train=train_split, test=test_split, plan=plan, patience=patience,
        past=resumed,
    )  # fmt: skip
    return Training(problem, runtime, observer or Observer())


def _pull(rule: Joint | Nudged | Relax, net: ReluNetwork) -> tuple[float | None, float]:
    """Return the strength of the pin at an output without activation, and that of its loss.

    The paper's flow pulls the output as an edge would, with strength 1; the loss of a sample is
    ‖z − y‖²/n_out, twice the energy of a pin of strength 1 by n_out.
    """
    strength = rule.strength if isinstance(rule, Relax) else 1.0
    if net.output != "identity":
        return None, strength
    return (1.0 if isinstance(rule, Joint) else 2.0 * strength / net.widths[-1]), 1.0


def light_cone(run: Run, push: Push, *, to_the_last: bool = True) -> LightCone:
    """Return how a push spreads in a simulated run, from two runs that differ in it alone.

    Parameters
    ----------
    run
        From ``prepare``, with a ``Simulator``; it is not begun by this.
    push
        Which stalk is changed from outside, when and by how much.
    to_the_last
        Whether to go on until every vertex has changed. Once there is word of the push
        everywhere nothing unlawful can happen any more, which is enough for a check.

    Returns
    -------
    LightCone
        For every vertex when it first changed, and when it could have at the earliest.

    Raises
    ------
    InputError
        If the run is not to be simulated, or there is nothing to push then and there.
    UnknownNameError
        If there is no such vertex.
    """
    if not isinstance(run.runtime, Simulator):
        raise InputError("a light cone is that of a simulated network; run it on a Simulator")
    return spread(run.problem, run.runtime, push, to_the_last=to_the_last)
