"""The functions that run a job: inference, training and the light cone of a push.

Each function checks its arguments once, builds a problem from them and passes it to a runtime.
The ``prepare`` functions return the job before it begins; ``start`` begins it in a thread of its
own; ``infer`` and ``train`` run it to the end.
"""

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
    """Keyword arguments of ``infer``, ``start`` and ``prepare``, described at ``infer``."""

    rule: str | Rule
    runtime: Runtime | None
    stop: Stop | None
    init: Init
    seed: int
    observer: Observer | None


def infer(sheaf: Sheaf, pins: Iterable[Pin] = (), **settings: Unpack[InferArguments]) -> Solution:
    """Relax a sheaf: move every free stalk until the energy is stationary, and return the result.

    The energy is ½ Σ ‖r_e‖² over edges and samples, where r_e is the projection of the tail of e
    minus that of its head, plus ½γ‖x − value‖² for each soft pin of strength γ. The output edge of
    a classifier may have the cross-entropy instead (see ``sn.ReluNetwork.to_sheaf``). The call
    returns when the run has ended.

    Parameters
    ----------
    sheaf
        The ``sn.Sheaf`` to relax; ``sn.ReluNetwork.to_sheaf`` returns that of a network.
    pins
        Any number of ``sn.Pin``, each for a stalk or some of its coordinates: hard pins hold them,
        soft pins pull them. Without pins (default) every stalk is free. Values of shape
        (dim, batch) fix the number of samples; without one, ``init`` does if it is a cochain, and
        otherwise there is one sample.
    rule
        The rule by which each vertex moves its stalk: an ``sn.Rule`` with its settings, or a name
        in ``sheafnet.dynamics.rules.RULES``, such as ``"prox"`` (default) or ``"heat"``, for the
        rule with its default settings. Rules that learn are for ``train``.
    runtime
        The runtime: an ``sn.Lockstep``, ``sn.Simulator`` or ``sn.Cluster``. None (default) takes
        ``sn.Lockstep()``.
    stop
        The ``sn.Stop`` with the tolerance and the budget. None (default) takes ``sn.Stop()``. For
        a stay run use ``start``, since ``infer`` would not return.
    init
        The stalks at the start: ``"random"`` (default) draws standard normal numbers,
        ``"zeros"`` takes zeros, ``"forward"`` the forward pass from the pinned inputs; an
        ``sn.Cochain`` gives them itself, shape (dim, batch) for every vertex that no hard pin
        holds whole. Coordinates held by a hard pin start at the value of the pin.
    seed
        Seed of the random start: a whole number, at least 0; 0 by default. Not used otherwise.
    observer
        The ``sn.Observer`` whose methods are called at the start, with progress, and at the end.
        An exception that it raises ends the run. None (default) observes nothing.

    Returns
    -------
    Solution
        Final stalks, residuals, discord and cost. It is returned also when the run did not
        converge: its ``outcome`` is the ``sn.Outcome``.

    Raises
    ------
    UnknownNameError
        If there is no rule of that name, ``pins``, ``init`` or the placement names a vertex that
        the sheaf does not have, ``init`` has no value for a free vertex, or the simulator names a
        host that does not exist.
    PinError
        If two hard pins hold a coordinate at different values, a pin names a coordinate that does
        not exist or names one twice, or its strength is not positive and finite.
    ShapeError
        If the value of a pin or a stalk in ``init`` does not have the shape that the sheaf needs,
        or they differ in the number of samples.
    EmptyBatchError
        If the value of a pin has no samples.
    NonFiniteError
        If the value of a pin has NaN or infinity, or the forward pass overflows at the start.
    SheafError
        If a restriction map returns an array of another shape than it declares.
    RuleError
        If the rule does not work on this sheaf with these pins, needs a bound on curvature that a
        map does not have, or changes the maps.
    InputError
        If the value of a pin is no array of numbers, there is no such ``init``, the pins do not
        determine a forward pass to start from, the seed is negative or not whole, or the
        placement does not exist or does not put every vertex on exactly one host.
    ClusterError
        If Ray is not installed or not reachable, or a host or the coordinator is lost for good.
    DeliveryError
        If a rule of the caller's own sends a message of the wrong shape or along no edge.
    """
    return prepare(sheaf, pins, **settings).execute()


def start(sheaf: Sheaf, pins: Iterable[Pin] = (), **settings: Unpack[InferArguments]) -> Run:
    """Begin to relax a sheaf in a thread of its own, and return the run at once.

    Parameters
    ----------
    sheaf
        The ``sn.Sheaf`` to relax.
    pins
        Any number of ``sn.Pin``; none by default.
    rule, runtime, stop, init, seed, observer
        The settings of the run, with the meanings and defaults that ``infer`` lists. With
        ``sn.Stop(stay=True)`` the run waits for other pins after it has converged.

    Returns
    -------
    Run
        The run, with ``progress()``, ``set_pins(pins)``, ``settle()``, ``stop()`` and
        ``result()``. Its ``result()`` raises what ended the run.

    Raises
    ------
    InputError
        If an argument is wrong, as ``prepare`` lists; the run has not begun then.
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
    """Check the arguments of ``infer`` and return the run, which has not begun yet.

    ``execute()`` of the run runs it to the end in this thread, ``start()`` in a thread of its own.

    Parameters
    ----------
    sheaf
        The ``sn.Sheaf`` to relax.
    pins
        Any number of ``sn.Pin``; none by default.
    rule, runtime, stop, init, seed, observer
        The settings of the run, with the meanings and defaults that ``infer`` lists.

    Returns
    -------
    Run
        The run of this problem on this runtime.

    Raises
    ------
    InputError
        If an argument is wrong: the conditions that ``infer`` lists under ``InputError`` and its
        subclasses. Those about hosts, placement, curvature and the cluster are found when the run
        begins.
    RuleError
        If the rule does not work on this sheaf with these pins, or changes the maps.
    """
    problem = relaxation_problem(sheaf, pins, rule, stop or Stop(), init, seed)
    if problem.learns:
        raise RuleError("the rule changes the maps, which is to train: use train(net, x, y, …)")
    return Run(problem, runtime or Lockstep(), observer or Observer())


class TrainingChoices(TypedDict, total=False):
    """Keyword arguments of ``train`` that make ``TrainingSettings``, described at ``train``."""

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


class TrainArguments(TrainingChoices, TypedDict, total=False):
    """Keyword arguments of ``train``, described there."""

    runtime: Runtime | None
    observer: Observer | None


def train(net: ReluNetwork, x: ArrayLike, y: ArrayLike, **settings: Unpack[TrainArguments]) -> Fit:
    """Train a network by local rules, without a backward pass.

    The input vertex is pinned to ``x`` and the output to ``y``. The owner of each map, the vertex
    at the tail of its edge, changes it from its own stalk and the messages on that edge alone. The
    call returns when training has ended.

    Parameters
    ----------
    net
        The ``sn.ReluNetwork`` with the maps at the start; it is not changed.
    x
        Inputs, shape (n_0, samples), at least one sample.
    y
        Targets, shape (n_out, samples): between 0 and 1 for a sigmoid output, shares that sum to 1
        in each column for a softmax. For these two also integer labels, shape (samples,).
    rule
        The learning rule: ``"nudged"`` (default), ``"relax"``, or an ``sn.Nudged``, ``sn.Relax``
        or ``sn.Joint`` with its settings. Under ``Joint`` stalks and maps move in every round;
        the other two learn in steps, one for each batch.
    optimiser
        The optimiser of every map: an ``sn.Sgd``, ``sn.Adam`` or ``sn.Kron``, or another
        ``sn.Optimiser``. None (default) is only for ``Joint`` with ``beta`` and ``dt``, which then
        takes explicit Euler steps.
    rounds, epochs
        Length of training; give exactly one. ``rounds`` is a whole number, at least 1; a step
        takes one round under ``Nudged`` and ``Joint``, ``sweeps`` rounds under ``Relax``.
        ``epochs`` is positive and may be a fraction: passes over all samples, rounded up to whole
        steps.
    max_time
        Budget in virtual time (rounds in lockstep, seconds on a cluster), after which training
        stops; positive. None (default) for no limit.
    batch_size
        Samples in each step, from 1 to the number of samples. None (default) takes all. ``Joint``
        always takes all.
    batches_in_flight
        Number of batches that the layers may work on at once, at least 1 (default). A gradient is
        then computed with maps up to ``batches_in_flight`` − 1 steps old. Always 1 under ``Joint``.
    seed
        Seed of the order of the samples and of a random start: a whole number, at least 0; 0 by
        default.
    runtime
        The runtime: an ``sn.Lockstep``, ``sn.Simulator`` or ``sn.Cluster``. None (default) takes
        ``sn.Lockstep()``. When a host is lost with its maps, all hosts go back to the last
        snapshot; ``Joint`` has no snapshots.
    init
        The stalks at the start under ``Joint``: a name or a cochain, as ``infer`` lists them;
        ``"forward"`` (default). Under the other rules every batch starts on its forward pass.
    test
        Further samples on which the network is evaluated but does not learn: a pair of inputs and
        targets, with the shapes of ``x`` and ``y``, or a split that ``sn.task`` returned. None
        (default) for no test samples.
    every
        Steps (rounds under ``Joint``) between evaluations, at least 1. None (default) takes an
        epoch if it has several steps and training is longer than that, else a tenth of training.
    patience
        Number of successive evaluations without a lower loss (that of the test samples if there
        are any) after which training stops; at least 1. The result is then the network with the
        lowest loss. None (default) never stops early and returns the last network.
    label_smoothing
        Share of each target that is spread evenly over all classes, in [0, 1); 0 by default.
    observer
        The ``sn.Observer`` whose methods are called with progress, evaluations, checkpoints and
        the end. An exception that it raises ends training. None (default) observes nothing.
    resumed
        The checkpoint from which to continue an earlier training, as passed to
        ``sn.Observer.reached`` or read by ``sheafnet.runtime.jobs.checkpoint.load_checkpoint``.
        All other arguments must be those of the earlier training. None (default) begins anew. Not
        for ``Joint``.

    Returns
    -------
    Fit
        The trained network, its evaluations and the cost. If training diverged, this is the
        network of the last evaluation before that, and ``diverged`` names what to lower.

    Raises
    ------
    RuleError
        If the rule does not learn, or is a ``Joint`` that is resumed or has neither an optimiser
        nor ``beta`` and ``dt``.
    UnknownNameError
        If there is no rule of that name, ``init`` or the placement names a vertex that the network
        does not have, ``init`` has no value for a free vertex, or the simulator names a host that
        does not exist.
    ShapeError
        If inputs, targets, labels or ``init`` do not have the shape that the network needs.
    EmptyBatchError
        If ``x`` or the test inputs have no samples.
    NonFiniteError
        If inputs or targets have NaN or infinity, or the forward pass overflows at the start of
        ``Joint``.
    InputError
        If a count is not whole or less than 1, ``epochs`` or ``max_time`` is not positive, both or
        neither of ``rounds`` and ``epochs`` are given, training is shorter than one step,
        ``batch_size`` exceeds the samples, a setting does not go with the rule, the optimiser is
        missing or of another type, targets or labels do not fit the output, ``label_smoothing`` or
        ``seed`` is out of range, ``test`` is no pair, ``resumed`` has another
        ``batches_in_flight``, the placement does not put every vertex on exactly one host, or
        hosts are restarted under ``Joint``.
    ClusterError
        If Ray is not installed or not reachable, or a host or the coordinator is lost for good.
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
    """Check the arguments of ``train`` and return the training, which has not begun yet.

    ``execute()`` of the training runs it to the end in this thread, ``start()`` in a thread of its
    own.

    Parameters
    ----------
    net
        The ``sn.ReluNetwork`` with the maps at the start.
    x, y
        Inputs, shape (n_0, samples), and targets, shape (n_out, samples), or integer labels, shape
        (samples,).
    runtime, observer
        The runtime and the observer; None (default) takes ``sn.Lockstep()`` and observes nothing.
    rule, optimiser, rounds, epochs, max_time, batch_size, batches_in_flight
        How the maps learn, for how long and from which batches, as ``train`` lists.
    seed, init, test, every, patience, label_smoothing, resumed
        The start, the evaluations, the targets and an early stop, as ``train`` lists.

    Returns
    -------
    Training
        The training of this network on this runtime.

    Raises
    ------
    InputError
        If an argument is wrong: the conditions that ``train`` lists under ``InputError`` and its
        subclasses. Those about hosts and placement are found when training begins.
    """
    runtime = runtime or Lockstep()
    settings = TrainingSettings(**choices)
    require_steps = isinstance(runtime, Simulator) and bool(runtime.restarts)
    problem = training_problem(net, x, y, settings, require_steps=require_steps)
    return Training(problem, runtime, observer or Observer())


def light_cone(run: Run, push: Push, *, to_the_last: bool = True) -> LightCone:
    """Return how a push spreads in a simulated run.

    The problem is simulated twice, with the push and without it. A vertex has changed when its
    stalks in the two simulations differ. It can change no earlier than a chain of frames, sent
    after the push and beginning at the host of the pushed vertex, can have reached its own host.

    Parameters
    ----------
    run
        The ``sn.Run`` that ``prepare`` returned, with an ``sn.Simulator``; it is neither begun nor
        changed.
    push
        The ``sn.Push``: which coordinate of which stalk is changed, at which virtual time and by
        how much.
    to_the_last
        True (default) simulates until every free vertex with a path to the pushed one has
        changed. False stops once such a chain has reached every host with a path, which is enough
        to find every violation. Both end after at most 1,000 times the longest expected delay of a
        frame and the update that follows.

    Returns
    -------
    LightCone
        For every vertex the virtual time of its first change, and the earliest possible one.

    Raises
    ------
    InputError
        If the runtime is no simulator, the stalk does not have the pushed coordinate, a pin holds
        it, its host is down at that time, or the placement does not put every vertex on exactly
        one host.
    UnknownNameError
        If the sheaf does not have the pushed vertex, or the simulator names a host that does not
        exist.
    RuleError
        If the rule needs a bound on curvature that a map does not have.
    """
    if not isinstance(run.runtime, Simulator):
        raise InputError("a light cone is that of a simulated network; run it on a Simulator")
    return spread(run.problem, run.runtime, push, to_the_last=to_the_last)
