"""The calls that do a job: what is asked, checked once, and handed to a runtime."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict, Unpack

from numpy.typing import ArrayLike

from sheafnet.core.network import ReluNetwork
from sheafnet.core.pins import Pin
from sheafnet.core.sheaf import Sheaf
from sheafnet.core.targets import Split
from sheafnet.dynamics.optimisers import Optimiser
from sheafnet.dynamics.rule import Rule
from sheafnet.errors import InputError, RuleError
from sheafnet.runtime.interface import Runtime
from sheafnet.runtime.jobs.checkpoint import Checkpoint
from sheafnet.runtime.jobs.inference_setup import relaxation_problem
from sheafnet.runtime.jobs.initial import Init
from sheafnet.runtime.jobs.observer import Observer
from sheafnet.runtime.jobs.results import Fit, Solution
from sheafnet.runtime.jobs.run import Run
from sheafnet.runtime.jobs.training import Training
from sheafnet.runtime.jobs.training_setup import TrainingSettings, training_problem
from sheafnet.runtime.lockstep import Lockstep
from sheafnet.runtime.simulator.light_cone import LightCone, Push, spread
from sheafnet.runtime.simulator.simulator import Simulator
from sheafnet.runtime.stop import Stop


class InferArguments(TypedDict, total=False):
    """What ``infer``, ``start`` and ``prepare`` take beside the sheaf and the pins."""

    rule: str | Rule
    runtime: Runtime | None
    stop: Stop | None
    init: Init
    seed: int
    observer: Observer | None


def infer(sheaf: Sheaf, pins: Iterable[Pin] = (), **settings: Unpack[InferArguments]) -> Solution:
    """Relax a sheaf until every free vertex agrees with its neighbours as well as it can.

    Parameters
    ----------
    sheaf
        What to relax; ``ReluNetwork.to_sheaf()`` gives that of a network.
    pins
        Stalks, or coordinates of them, to hold or to pull.
    rule
        What each vertex does: a rule with its settings, or the name of one with its defaults,
        such as ``"prox"`` or ``"heat"``. ``sheafnet.dynamics.rules.RULES`` has all names; those
        of rules that learn are for ``train``.
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


def start(sheaf: Sheaf, pins: Iterable[Pin] = (), **settings: Unpack[InferArguments]) -> Run:
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
    problem = relaxation_problem(sheaf, pins, rule, stop or Stop(), init, seed)
    if problem.learns:
        raise RuleError("the rule changes the maps, which is to train: use train(net, x, y, …)")
    return Run(problem, runtime or Lockstep(), observer or Observer())


class TrainingChoices(TypedDict, total=False):
    """What ``TrainingSettings`` takes, beside the network, inputs and targets."""

    rule: str | Rule
    optimiser: Optimiser | None
    rounds: int | None
    epochs: float | None
    max_time: float | None
    batch_size: int | None
    batches_in_flight: int
    seed: int
    init: Init
    test: Split | tuple[ArrayLike, ArrayLike] | None
    every: int | None
    patience: int | None
    label_smoothing: float
    resumed: Checkpoint | None


class TrainArguments(TrainingChoices, total=False):
    """What ``train`` takes beside the network, inputs and targets."""

    runtime: Runtime | None
    observer: Observer | None


def train(net: ReluNetwork, x: ArrayLike, y: ArrayLike, **settings: Unpack[TrainArguments]) -> Fit:
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
    runtime: Runtime | None = None,
    observer: Observer | None = None,
    **choices: Unpack[TrainingChoices],
) -> Training:
    """Check what ``train`` is asked for and return its job, not begun yet.

    The arguments and errors are those of ``train``.
    """
    runtime = runtime or Lockstep()
    settings = TrainingSettings(**choices)
    require_steps = isinstance(runtime, Simulator) and bool(runtime.restarts)
    problem = training_problem(net, x, y, settings, require_steps=require_steps)
    return Training(problem, runtime, observer or Observer())


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
