"""The calls that do a job: what is asked, checked once, and handed to a runtime."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike

from sheafnet.core import energy as energies
from sheafnet.core.arrays import checked_samples
from sheafnet.core.cochain import Cochain
from sheafnet.core.network import ReluNetwork
from sheafnet.core.pins import Pin, resolve_pins
from sheafnet.core.sheaf import Sheaf
from sheafnet.core.stalkpins import wholly_held
from sheafnet.core.targets import targets
from sheafnet.dynamics.lockstep import Lockstep
from sheafnet.dynamics.problem import Problem
from sheafnet.dynamics.rule import Rule
from sheafnet.dynamics.rules import as_rule
from sheafnet.dynamics.rules.joint import Joint
from sheafnet.dynamics.stop import Outcome, Stop
from sheafnet.errors import InputError, RuleError
from sheafnet.runtime.initial import Init, initial_cochain
from sheafnet.runtime.ports import Observer, Runtime
from sheafnet.runtime.run import Run
from sheafnet.runtime.simulator.cone import LightCone, Push, spread
from sheafnet.runtime.simulator.simulator import Simulator
from sheafnet.runtime.solution import Solution
from sheafnet.runtime.training import Evaluations, Fit, Split, learned


class Settings(TypedDict, total=False):
    """What ``infer``, ``start`` and ``prepare`` take beside the sheaf and the pins."""

    rule: str | Rule
    runtime: Runtime | None
    stop: Stop | None
    init: Init
    seed: int
    observer: Observer | None


def infer(sheaf: Sheaf, pins: Iterable[Pin] = (), **settings: Unpack[Settings]) -> Solution:
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


def start(sheaf: Sheaf, pins: Iterable[Pin] = (), **settings: Unpack[Settings]) -> Run:
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


def train(
    net: ReluNetwork,
    x: ArrayLike,
    y: ArrayLike,
    *,
    rule: Joint,
    rounds: int,
    runtime: Runtime | None = None,
    init: Init = "forward",
    seed: int = 0,
    test: tuple[ArrayLike, ArrayLike] | None = None,
    every: int = 100,
) -> Fit:
    """Train a network by local discrepancy, without a backward pass: full batch.

    Input and output are pinned to the data, and every vertex follows the flow of stalks and maps.

    Parameters
    ----------
    net
        Where the maps start.
    x
        Inputs, shape (n_0, samples).
    y
        Targets, shape (n_out, samples), or integer labels, shape (samples,).
    rule
        ``Joint(alpha, beta, dt)``.
    rounds
        How many to do.
    runtime
        ``Lockstep()`` if not given, or a ``Simulator``, in which no host may crash: it would forget
        its maps.
    init, seed
        Where the stalks start, as for ``infer``.
    test
        Inputs and targets that are evaluated as well.
    every
        Rounds between evaluations.

    Returns
    -------
    Fit
        Also when it diverged: the last finite network, and ``diverged`` says what to lower.

    Raises
    ------
    InputError
        If something given is wrong; the subclass and the message say what.
    """
    runtime = runtime or Lockstep()
    if not isinstance(runtime, Lockstep | Simulator):
        raise InputError(f"train: runs in lockstep or simulated, not on {type(runtime).__name__}")
    if isinstance(runtime, Simulator) and runtime.restarts:
        raise InputError("train: a host that crashes would forget its maps; leave restarts out")
    if rounds < 1 or every < 1:
        raise InputError(f"train: rounds {rounds}, every {every}: expected at least 1 of each")
    split = _split(net, x, y, "")
    test_split = None if test is None else _split(net, *test, "test ")
    # The paper's flow keeps the output free of the data where it is the identity: it is pulled to
    # them, as it is by the edge of an output activation.
    pull = 1.0 if net.output == "identity" else None
    problem = _problem(
        net.to_sheaf(),
        [Pin("a0", split.x), Pin(net.output_vertex, split.y, strength=pull)],
        rule,
        # Stalks at rest are no reason to end while maps move.
        Stop(stationarity=sys.float_info.min, max_rounds=rounds),
        init,
        seed,
    )
    evaluations = Evaluations(net, every, split, test_split)
    record = runtime.run(problem, evaluations)
    network = learned(net, record.maps)
    diverged = record.outcome is Outcome.DIVERGED
    if not diverged:
        discord = energies.discord(energies.residuals(network.to_sheaf(), record.cochain))
        evaluations.evaluate(record.stats.rounds, record.maps, discord)
    history = tuple(evaluations.history)
    return Fit(network, history, record.stats, record.message if diverged else None)


def _split(net: ReluNetwork, x: ArrayLike, y: ArrayLike, which: str) -> Split:
    inputs = checked_samples(f"{which}inputs", x, net.widths[0])
    return Split(inputs, targets(net, y, inputs.shape[1]))


def light_cone(run: Run, push: Push) -> LightCone:
    """Return how a push spreads in a simulated run, from two runs that differ in it alone.

    Parameters
    ----------
    run
        From ``prepare``, with a ``Simulator``; it is not begun by this.
    push
        Which stalk is changed from outside, when and by how much.

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
    return spread(run.problem, run.runtime, push)
