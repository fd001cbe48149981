"""The functions for inference and training, and for the light cone of a push.

``prepare`` and ``prepare_training`` check their arguments and return a job that has not begun. A
job is an inference or a training; it runs a problem on a runtime. ``infer`` and ``train`` prepare a
job and run it to its end. ``start`` prepares an inference and begins it in a new thread.
``light_cone`` simulates a problem twice, with a push and without it. A push is a change of one
stalk from outside.
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
    """Relax a sheaf: change every free stalk until the energy is stationary, and return the result.

    The energy is the sum of ½‖r_e‖² over all edges e and samples, where the residual r_e is the
    projection of the tail of e minus the projection of the head of e. Each soft pin of strength γ
    adds ½γ‖x − value‖², where x is the pinned part of the stalk. The output edge of a classifier
    may have the cross-entropy instead of ½‖r_e‖² (see ``sn.ReluNetwork.to_sheaf``). The call
    returns when the run has ended.

    Parameters
    ----------
    sheaf
        The ``sn.Sheaf`` to relax; ``sn.ReluNetwork.to_sheaf`` returns the sheaf of a network.
    pins
        Any number of ``sn.Pin``, each for a stalk or for some of its coordinates. A hard pin holds
        the coordinates at a value; a soft pin pulls them towards a value. Without pins (default)
        every stalk is free. A pin value of shape (dim, batch) fixes the number of samples. If no
        pin has such a value, the number of samples is that of ``init`` if this is a cochain, and 1
        otherwise.
    rule
        The rule by which each vertex changes its stalk: an ``sn.Rule``, or the name of a rule in
        ``sheafnet.dynamics.rules.RULES``, such as ``"prox"`` (default) or ``"heat"``. A name means
        the rule with its default settings. Rules that change maps are for ``train``.
    runtime
        The runtime: an ``sn.Lockstep``, ``sn.Simulator`` or ``sn.Cluster``. With None (default) it
        is ``sn.Lockstep()``.
    stop
        The ``sn.Stop`` with the tolerance, the largest number of rounds and the largest time. With
        None (default) it is ``sn.Stop()``. For a stay run (a run that waits for other pins after it
        has converged) use ``start``, because ``infer`` would not return.
    init
        The stalks at the start. ``"random"`` (default) draws standard normal numbers, ``"zeros"``
        sets all stalks to 0, and ``"forward"`` sets them by the forward pass from the pinned
        inputs. An ``sn.Cochain`` has an array of shape (dim, batch) for every vertex. It may omit a
        vertex if hard pins hold its whole stalk. Coordinates held by a hard pin start at the value
        of the pin.
    seed
        Seed of the random start: a whole number, at least 0; 0 by default. It is used only if
        ``init`` is ``"random"``.
    observer
        The ``sn.Observer`` of the run. Its methods are called when the run begins, when there is
        progress, and when the run ends. An exception that one of them raises ends the run. With
        None (default) there is no observer.

    Returns
    -------
    Solution
        Final stalks, residuals, discord and cost. The attribute ``outcome``, an ``sn.Outcome``,
        says how the run ended. A run that did not converge has a solution too, with the last stalks
        that were finite.

    Raises
    ------
    UnknownNameError
        If ``rule`` is not the name of a rule; if ``pins``, ``init`` or the placement names a vertex
        that the sheaf does not have; if ``init`` has no value for a free vertex; or if the
        simulator names a host that does not exist.
    PinError
        If two hard pins hold the same coordinate at different values; if a pin names a coordinate
        that does not exist, or names a coordinate twice; or if the strength of a pin is not
        positive and finite.
    ShapeError
        If the value of a pin or a stalk in ``init`` does not have the shape that the sheaf needs,
        or if the values of pins and stalks have different numbers of samples.
    EmptyBatchError
        If the value of a pin has no samples.
    NonFiniteError
        If the value of a pin contains NaN or infinity, or if ``init`` is ``"forward"`` and the
        forward pass overflows.
    SheafError
        If a restriction map returns an array whose shape is not the one that the map declares.
    RuleError
        If the rule cannot be used on this sheaf with these pins; if the rule needs a bound on the
        curvature of the energy and a map does not have such a bound; or if the rule changes maps.
    InputError
        If the value of a pin is not an array of numbers; if ``init`` is not one of the values
        above; if ``init`` is ``"forward"`` and the pins do not determine a forward pass; if
        ``init`` is ``"random"`` and the seed is negative or not a whole number; if no placement
        has the given name; or if the placement does not put every vertex on exactly one host.
    ClusterError
        If Ray is not installed or cannot be reached, or if a host or the coordinator is lost and
        cannot be restarted.
    DeliveryError
        If a rule written by the user sends a message that has the wrong shape, or sends a message
        to a vertex that no edge joins to the sender.
    """
    return prepare(sheaf, pins, **settings).execute()


def start(sheaf: Sheaf, pins: Iterable[Pin] = (), **settings: Unpack[InferArguments]) -> Run:
    """Begin an inference in a new thread, and return the run at once.

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
        The run that has begun. Its methods are ``progress()``, ``set_pins(pins)``, ``settle()``,
        ``stop()`` and ``result()``. If an error ended the run, ``result()`` raises that error.

    Raises
    ------
    InputError
        If an argument is wrong; ``prepare`` lists the conditions. The run then does not begin.
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
    """Check the arguments of ``infer`` and return a run that has not begun yet.

    The method ``execute()`` of the run executes it in the calling thread and returns when the run
    has ended. The method ``start()`` begins the run in a new thread and returns at once.

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
        A run of this sheaf with these pins and settings.

    Raises
    ------
    InputError
        If an argument is wrong. ``infer`` lists the conditions, under ``InputError`` and its
        subclasses. The conditions about hosts, placement and curvature are checked later, when the
        run begins.
    RuleError
        If the rule cannot be used on this sheaf with these pins, or if the rule changes maps.
    """
    problem = relaxation_problem(sheaf, pins, rule, stop or Stop(), init, seed)
    if problem.learns:
        raise RuleError("the rule changes the maps, which is to train: use train(net, x, y, …)")
    return Run(problem, runtime or Lockstep(), observer or Observer())


class TrainingChoices(TypedDict, total=False):
    """Keyword arguments of ``train``, except ``runtime`` and ``observer``; see ``train``."""

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
    """All keyword arguments of ``train``, described at ``train``."""

    runtime: Runtime | None
    observer: Observer | None


def train(net: ReluNetwork, x: ArrayLike, y: ArrayLike, **settings: Unpack[TrainArguments]) -> Fit:
    """Train a network by local rules, without a backward pass.

    The input vertex is pinned to ``x`` and the output vertex to ``y``. Each map belongs to the
    vertex at the tail of its edge. This vertex changes the map, and uses only its own stalk and the
    messages on that edge. The call returns when training has ended.

    Parameters
    ----------
    net
        The ``sn.ReluNetwork`` with the maps at the start; it is not changed.
    x
        Inputs, shape (n_0, samples), at least one sample.
    y
        Targets, shape (n_out, samples). For a sigmoid output they are between 0 and 1. For a
        softmax output they are also shares: each column sums to 1. For these two outputs ``y`` may
        instead be integer labels, shape (samples,).
    rule
        The learning rule: ``"nudged"`` (default), ``"relax"``, or an ``sn.Nudged``, ``sn.Relax``
        or ``sn.Joint``. Under ``Joint`` both stalks and maps are changed in every round. Under the
        other two rules each map is changed once for each batch; this is a training step.
    optimiser
        The optimiser of every map: an ``sn.Sgd``, ``sn.Adam`` or ``sn.Kron``, or another
        ``sn.Optimiser``. None (default) is allowed only for a ``Joint`` that has ``beta`` and
        ``dt``; the maps are then changed by explicit Euler steps.
    rounds, epochs
        Length of training; give exactly one of the two. ``rounds`` is a whole number, at least 1; a
        training step takes one round under ``Nudged`` and ``Joint``. Under ``Relax`` it takes as
        many rounds as the setting ``sweeps`` of that rule. ``epochs`` is the number of passes over
        all samples, positive, possibly a fraction. It is rounded up to whole training steps.
    max_time
        Time after which training stops, positive: virtual time on a simulator, rounds in lockstep,
        seconds on a cluster. With None (default) there is no limit.
    batch_size
        Number of samples in each training step, from 1 to the number of samples. With None
        (default) each step uses all samples. ``Joint`` always uses all samples.
    batches_in_flight
        Number of batches that the layers may work on at the same time, at least 1 (default). The
        gradient of a batch is then computed with maps that are up to ``batches_in_flight`` − 1
        training steps old. Under ``Joint`` it must be 1.
    seed
        Seed of the order of the samples and of a random start: a whole number, at least 0; 0 by
        default.
    runtime
        The runtime: an ``sn.Lockstep``, ``sn.Simulator`` or ``sn.Cluster``. With None (default) it
        is ``sn.Lockstep()``. When a host is lost together with its maps, all hosts go back to the
        last snapshot (the maps and optimisers of all edges after the same training step).
        ``Joint`` has no snapshots.
    init
        The stalks at the start under ``Joint``: a name or a cochain, as ``infer`` lists them. The
        default is ``"forward"``. Under the other rules it must be ``"forward"``, because every
        batch starts at its forward pass.
    test
        Test samples, which are used for evaluations only and do not change the maps: a pair of
        inputs and targets with the shapes of ``x`` and ``y``, except for the number of samples; or
        a ``Split`` that ``sn.task`` returned. With None (default) there are no test samples.
    every
        Number of training steps (rounds under ``Joint``) from one evaluation to the next; 1 or
        more. With None (default) it is one epoch if an epoch has more than one step and training is
        longer than one epoch. Otherwise it is a tenth of the training.
    patience
        Number of successive evaluations without a lower loss after which training stops; 1 or
        more. The loss is that of the test samples if there are any, else that of the training
        samples. The result is then the network with the lowest loss. With None (default) training
        does not stop early, and the result is the last network.
    label_smoothing
        Share of each target that is spread evenly over all classes, in [0, 1); 0 by default.
    observer
        The ``sn.Observer`` of the training. Its methods are called when training begins and ends,
        and with progress, evaluations and checkpoints. An exception that one of them raises ends
        training. With None (default) there is no observer.
    resumed
        The checkpoint from which to continue an earlier training: an object that was passed to
        ``sn.Observer.reached``, or that ``sheafnet.runtime.jobs.checkpoint.load_checkpoint`` read
        from a file. All other arguments must be those of the earlier training. With None (default)
        a new training begins. Under ``Joint``, ``resumed`` must be None.

    Returns
    -------
    Fit
        The trained network, its evaluations and the cost of training. If training diverged, the
        attribute ``diverged`` says which setting to lower. The network is then that of the last
        evaluation before the divergence, or, with ``patience``, that of the evaluation with the
        lowest loss.

    Raises
    ------
    RuleError
        If the rule does not change maps; if the rule is a ``Joint`` and ``resumed`` is given; or if
        the rule is a ``Joint`` and there is neither an optimiser nor both ``beta`` and ``dt``.
    UnknownNameError
        If ``rule`` is not the name of a rule; if ``init`` or the placement names a vertex that the
        network does not have; if ``init`` has no value for a free vertex; or if the simulator names
        a host that does not exist.
    ShapeError
        If inputs, targets, labels or ``init`` do not have the shape that the network needs.
    EmptyBatchError
        If ``x`` or the test inputs have no samples.
    NonFiniteError
        If inputs or targets contain NaN or infinity, or if the forward pass at the start of a
        training under ``Joint`` overflows.
    InputError
        If ``rounds``, ``batch_size``, ``batches_in_flight``, ``every`` or ``patience`` is not a
        whole number or is less than 1; if ``epochs`` or ``max_time`` is not positive; if both or
        neither of ``rounds`` and ``epochs`` are given; if ``rounds`` is less than the rounds of one
        training step; if ``batch_size`` is larger than the number of samples; if ``batch_size``,
        ``batches_in_flight`` or ``init`` is set to a value that the rule does not allow; if the
        optimiser is missing under ``Nudged`` or ``Relax``, or is not an ``sn.Optimiser``; if the
        targets or labels are not of the kind that the output needs; if ``label_smoothing`` or
        ``seed`` is out of range; if ``test`` is not a pair of arrays; if ``resumed`` was made with
        another value of ``batches_in_flight``; if the placement does not put every vertex on
        exactly one host; or if the simulator restarts a host under ``Joint``.
    ClusterError
        If Ray is not installed or cannot be reached, or if a host or the coordinator is lost and
        cannot be restarted.
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
    """Check the arguments of ``train`` and return a training that has not begun yet.

    The method ``execute()`` of the training executes it in the calling thread and returns when it
    has ended. The method ``start()`` begins it in a new thread and returns at once.

    Parameters
    ----------
    net
        The ``sn.ReluNetwork`` with the maps at the start.
    x, y
        ``x``: inputs, shape (n_0, samples). ``y``: targets, shape (n_out, samples), or integer
        labels, shape (samples,).
    runtime, observer
        The runtime and the observer. If ``runtime`` is None (default), it is ``sn.Lockstep()``. If
        ``observer`` is None (default), there is no observer.
    rule, optimiser, rounds, epochs, max_time, batch_size, batches_in_flight
        The learning rule, the optimiser, the length of training and the batches, with the meanings
        and defaults that ``train`` lists.
    seed, init, test, every, patience, label_smoothing, resumed
        The start, the evaluations, the early stop and the smoothing of targets, with the meanings
        and defaults that ``train`` lists.

    Returns
    -------
    Training
        A training of this network with these samples and settings.

    Raises
    ------
    InputError
        If an argument is wrong. ``train`` lists the conditions, under ``InputError`` and its
        subclasses. The conditions about hosts and placement are checked later, when training
        begins, except the condition that no host is restarted under ``Joint``.
    """
    runtime = runtime or Lockstep()
    settings = TrainingSettings(**choices)
    require_steps = isinstance(runtime, Simulator) and bool(runtime.restarts)
    problem = training_problem(net, x, y, settings, require_steps=require_steps)
    return Training(problem, runtime, observer or Observer())


def light_cone(run: Run, push: Push, *, to_the_last: bool = True) -> LightCone:
    """Return which vertices a push reaches in a simulated run, and when.

    A push is a change of one coordinate of one stalk from outside. The problem of ``run`` is
    simulated twice, with the push and without it. A vertex has changed when its stalk with the push
    differs from its stalk without the push. The influence of the push can reach another host only
    by a chain of frames. The host of the pushed vertex sends the first frame of the chain after the
    push. Each later frame is sent after the previous frame of the chain has arrived. A vertex that
    changes before such a chain has reached its host is a violation of locality.

    Parameters
    ----------
    run
        An ``sn.Run`` that ``prepare`` returned for an ``sn.Simulator``. This function neither
        begins nor changes ``run``.
    push
        The ``sn.Push``: which coordinate of which stalk is changed, at which virtual time and by
        how much.
    to_the_last
        With False the simulation ends when the influence has reached the host of every vertex that
        is connected to the pushed vertex. This is enough to find every violation, because a change
        after the influence has arrived is not a violation. With True (default) the simulation
        continues until, in addition, each of these vertices has changed, except those whose whole
        stalk is held by hard pins. In both cases the simulation ends at the latest 1,000 T after
        the push. T is the largest mean delay of a frame plus the largest mean time of a step.

    Returns
    -------
    LightCone
        For every vertex, the virtual time of its first change and the earliest virtual time at
        which it could change.

    Raises
    ------
    InputError
        If the runtime of ``run`` is not an ``sn.Simulator``; if the stalk does not have the pushed
        coordinate; if a hard pin holds this coordinate; if the host of the pushed vertex is down
        at the time of the push; or if the placement does not put every vertex on exactly one host.
    UnknownNameError
        If the sheaf does not have the pushed vertex, or if the simulator names a host that does
        not exist.
    RuleError
        If the rule needs a bound on the curvature of the energy and a map does not have such a
        bound.
    """
    if not isinstance(run.runtime, Simulator):
        raise InputError("a light cone is that of a simulated network; run it on a Simulator")
    return spread(run.problem, run.runtime, push, to_the_last=to_the_last)
