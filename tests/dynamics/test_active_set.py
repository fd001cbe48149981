"""The rule active-set: solves by messages along a path."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product

import numpy as np
import pytest

import sheafnet as sn
from sheafnet.core.arrays import Array
from sheafnet.core.energy import energy
from sheafnet.core.network import ReluNetwork
from sheafnet.dynamics.elimination.program import PathProgram
from sheafnet.dynamics.group import Group
from sheafnet.dynamics.messages import Message
from sheafnet.errors import RuleError
from sheafnet.runtime.interface import Runtime
from sheafnet.runtime.lockstep import Lockstep
from sheafnet.runtime.problem import Problem
from tests.support import golden

EXACT = sn.Stop(1e-12, max_rounds=20_000)
MOST_SOLVES = 12
INNER_AND_OUTPUT = ("z1", "a1", "z2", "a2", "z3")
HOSTILE = sn.Simulator(seed=5, latency=sn.Uniform(0.0, 8.0), loss=0.3, placement="by-vertex")


def problem(seed: int, hidden: int) -> tuple[sn.ReluNetwork, list[sn.Pin], sn.Cochain]:
    """Return a random network, pins at both ends, and its forward pass with the output pinned."""
    rng = np.random.default_rng(seed)
    network = ReluNetwork.random([3, *rng.integers(2, 12, hidden).tolist(), 2], seed)
    x, y = rng.standard_normal((3, 7)), rng.standard_normal((2, 7))
    output = network.output_vertex
    pins = [sn.Pin("a0", x), sn.Pin(output, y)]
    return network, pins, network.forward_cochain(x).replace({output: y})


def solves(network: sn.ReluNetwork, pins: list[sn.Pin]) -> int:
    """Return the largest number of solves of any sample, read from the programs of the vertices."""
    run = sn.prepare(network.to_sheaf(), pins, rule="active-set", init="forward")
    group = Group(run.problem.vertices())
    group.deliver(group.start())
    for _ in range(2000):
        for turn in Lockstep().turns(run.problem.sheaf, run.problem.rule):
            group.deliver(group.step(turn))
    programs = [vertex.program for vertex in group.vertices.values()]
    return max(p.solves for p in programs if isinstance(p, PathProgram))


@pytest.mark.parametrize("name", golden.PINNED)
def test_it_settles_exactly_and_no_higher_than_the_authors(name: str) -> None:
    reference = golden.load_pinned(name)
    sheaf = reference.network.to_sheaf()
    solution = sn.infer(sheaf, reference.pins, rule="active-set", init="forward", stop=EXACT)
    assert solution.outcome is sn.Outcome.CONVERGED
    assert solution.stationarity <= 1e-12
    assert solution.energy <= energy(sheaf, reference.theirs, {}) * (1.0 + 1e-6)
    assert solves(reference.network, reference.pins) <= MOST_SOLVES


@pytest.mark.parametrize("hidden", [1, 2, 3])
@pytest.mark.parametrize("seed", range(6))
def test_few_solves_reach_rounding_level_and_never_raise_the_energy(hidden: int, seed: int) -> None:
    network, pins, start = problem(seed, hidden)
    sheaf = network.to_sheaf()
    solution = sn.infer(sheaf, pins, rule="active-set", init="forward", stop=EXACT)
    assert solution.outcome is sn.Outcome.CONVERGED
    assert solution.stationarity <= 1e-12
    assert solution.energy <= energy(sheaf, start, {})
    assert solves(network, pins) <= MOST_SOLVES
    for sender, receiver in solution.ledger:
        assert receiver in sheaf.graph.neighbours(sender)


@pytest.mark.parametrize("seed", range(4))
def test_it_ends_at_a_minimum_that_a_search_over_all_patterns_has(seed: int) -> None:
    """One sample and few units are few patterns, each of which least squares solves."""
    rng = np.random.default_rng(seed)
    W1, W2 = rng.standard_normal((3, 2)), rng.standard_normal((1, 3))
    network = ReluNetwork([W1, W2], [np.zeros(3), np.zeros(1)])
    x, y = rng.standard_normal((2, 1)), rng.standard_normal((1, 1))
    pins = [sn.Pin("a0", x), sn.Pin("z2", y)]
    solution = sn.infer(network.to_sheaf(), pins, rule="active-set", init="forward", stop=EXACT)
    minima = [
        e for p in product([-1, 0, 1], repeat=3) if (e := solved(p, W1 @ x, W2, y)) is not None
    ]
    assert min(abs(solution.energy - e) for e in minima) <= 1e-12


def solved(pattern: tuple[int, ...], c: Array, W2: Array, y: Array) -> float | None:
    """Return the minimum of the energy for ``pattern``; None if the minimiser has another one."""
    signs = np.array(pattern)[:, None]
    cost = np.where(signs > 0, 0.25, 0.5)
    copied = np.where(signs > 0, c, 0.0)
    A = np.vstack([np.diag(np.sqrt(2.0 * cost[:, 0])), W2])
    b = np.vstack([np.sqrt(2.0 * cost) * copied, y])
    a = np.linalg.lstsq(A, b, rcond=None)[0]
    z = np.where(signs > 0, (c + a) / 2.0, np.where(signs < 0, c, 0.0))
    if not np.array_equal(np.sign(z), signs):
        return None
    kink = 0.5 * np.sum(c[signs == 0] ** 2)
    return float(0.5 * np.sum((A @ a - b) ** 2) + kink)


def test_a_deep_network_takes_a_few_dozen_solves() -> None:
    network = ReluNetwork.random([8, *[8] * 10, 4], seed=0)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((8, 3)), rng.standard_normal((4, 3))
    pins = [sn.Pin("a0", x), sn.Pin(network.output_vertex, y)]
    stop = sn.Stop(1e-11, max_rounds=20_000)
    solution = sn.infer(network.to_sheaf(), pins, rule="active-set", init="forward", stop=stop)
    assert solution.outcome is sn.Outcome.CONVERGED
    assert solves(network, pins) <= 40


@pytest.mark.parametrize(
    "runtime",
    [
        sn.Lockstep("alternating"),
        sn.Simulator(seed=1, latency=sn.Uniform(0.0, 8.0), loss=0.3),
        sn.Simulator(seed=2, latency=sn.Uniform(0.0, 8.0), loss=0.3, placement="by-vertex"),
        sn.Simulator(
            seed=3,
            latency=sn.Uniform(0.0, 8.0),
            restarts=(sn.Restart("layer_1", 60.0, 5.0), sn.Restart("layer_3", 150.0, 20.0)),
        ),
    ],
    ids=["alternating", "by layer", "by vertex", "restarts"],
)
def test_it_runs_wherever_messages_pass(runtime: Runtime) -> None:
    network, pins, start = problem(1, 2)
    solution = sn.infer(
        network.to_sheaf(), pins, rule="active-set", init="forward", runtime=runtime, stop=EXACT
    )
    assert solution.outcome is sn.Outcome.CONVERGED
    assert solution.stationarity <= 1e-12
    assert solution.energy <= energy(network.to_sheaf(), start, {})


def restarted(group: Group, task: Problem, names: Sequence[str]) -> Group:
    """Return the group after these vertices have restarted.

    A restarted vertex has its initial state, and the latest message of each neighbour that was not
    restarted.
    """
    vertices = dict(group.vertices)
    for name in names:
        old, new = vertices[name], task.vertex_spec(name).build()
        new.star.sequence = (
            old.star.sequence
        )  # a group has no incarnations, so sequence numbers must go on
        for key, (_, sequence, array) in old.inbox.entries.items():
            if key.sender not in names:
                new.receive(Message(key, sequence, array))
        vertices[name] = new
    after = Group(vertices.values())
    after.deliver(message for name in names for message in vertices[name].start())
    return after


@pytest.mark.parametrize(
    "names",
    [names for many in (1, 2, 3) for names in combinations(INNER_AND_OUTPUT, many)],
    ids="-".join,
)
def test_whatever_is_lost_and_whenever_it_settles_again(names: tuple[str, ...]) -> None:
    network, pins, _ = problem(1, 2)
    sheaf = network.to_sheaf()
    task = sn.prepare(sheaf, pins, rule="active-set", init="forward").problem
    for lost_after in (1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 23, 1000):
        group = Group(task.vertices())
        group.deliver(group.start())
        silent_after(group, lost_after)
        group = restarted(group, task, names)
        assert silent_after(group, 1000), lost_after
        assert max(group.stationarity().values()) <= 1e-12, lost_after


def silent_after(group: Group, rounds: int) -> bool:
    """Step the runnable vertices for at most ``rounds`` rounds; return whether none is left."""
    for _ in range(rounds):
        runnable = [name for name, vertex in group.vertices.items() if vertex.runnable]
        if not runnable:
            return True
        group.deliver(group.step(runnable))
    return False


@pytest.mark.parametrize("runtime", [sn.Lockstep(), HOSTILE], ids=["lockstep", "hostile"])
def test_pins_can_be_changed_on_the_way_and_when_idle(runtime: Runtime) -> None:
    network, pins, _ = problem(1, 2)
    a0, output = pins
    other = sn.Pin(output.vertex, np.asarray(output.value) - 1.0)
    moved = sn.Pin("a0", np.asarray(a0.value) + 0.5)
    stop = sn.Stop(1e-12, stay=True, max_rounds=10**6)
    run = sn.start(network.to_sheaf(), pins, rule="active-set", runtime=runtime, stop=stop)
    try:
        for settles in (True, False):
            for now in ([a0, other], [moved, other], [moved], [a0, output]):
                run.set_pins(now)
                if settles or now == [a0, output]:
                    solution = run.settle(60)
                    assert solution.outcome is sn.Outcome.CONVERGED
                    assert solution.stationarity <= 1e-12
    finally:
        run.stop()


def test_with_a_free_output_it_is_the_forward_pass() -> None:
    network, pins, _ = problem(3, 2)
    solution = sn.infer(network.to_sheaf(), pins[:1], rule="active-set", stop=EXACT)
    forward = network.forward_cochain(np.asarray(pins[0].value))
    assert solution.outcome is sn.Outcome.CONVERGED
    assert all(np.abs(solution.cochain[v] - forward[v]).max() <= 1e-10 for v in forward)


@pytest.mark.parametrize(
    ("pin", "why"),
    [
        (sn.Pin("z2", 0.0, strength=1.0), "'z2' is pinned softly"),
        (sn.Pin("z2", 0.0, coords=[0]), "only some coordinates of 'z2' are pinned"),
        (sn.Pin("a1", 0.0), "'a1', which is inside, is pinned"),
    ],
)
def test_pins_that_it_cannot_obey_are_refused(pin: sn.Pin, why: str) -> None:
    sheaf = ReluNetwork.random([2, 3, 2], seed=0).to_sheaf()
    with pytest.raises(RuleError, match=f"active-set: .*here {why}. Use 'prox' instead"):
        sn.infer(sheaf, [sn.Pin("a0", np.ones((2, 1))), pin], rule="active-set")
    with pytest.raises(RuleError, match="the input 'a0' is not held"):
        sn.infer(sheaf, rule="active-set")


def test_graphs_and_maps_that_it_cannot_do_are_refused() -> None:
    same, two = sn.Identity(), sn.Linear([[2.0]])
    forked = sn.Sheaf(
        {"u": 1, "v": 1, "w": 1},
        [sn.Edge("e", "u", "v", two, same), sn.Edge("f", "u", "w", two, same)],
    )
    pins = [sn.Pin("u", [[1.0]])]
    with pytest.raises(RuleError, match="the graph is not a path"):
        sn.infer(forked, pins, rule="active-set")
    gated = sn.Sheaf({"u": 1, "v": 1}, [sn.Edge("e", "u", "v", sn.ReluGate(), same)])
    with pytest.raises(RuleError, match="edge 'e' has ReluGate at its tail"):
        sn.infer(gated, pins, rule="active-set")
    softmax = ReluNetwork.random([2, 3], seed=0, output="softmax")
    with pytest.raises(RuleError, match="edge 'output' has Softmax at its tail"):
        sn.infer(softmax.to_sheaf(), [sn.Pin("a0", np.ones((2, 1)))], rule="active-set")
    for sweeps in (0, -1):
        with pytest.raises(RuleError, match="prox_sweeps"):
            sn.ActiveSet(sweeps)


def test_a_tolerance_below_rounding_ends_a_run_instead_of_keeping_it() -> None:
    network, pins, _ = problem(1, 2)
    stop = sn.Stop(1e-300)
    solution = sn.infer(
        network.to_sheaf(), pins, rule="active-set", runtime=sn.Simulator(), stop=stop
    )
    assert solution.outcome is sn.Outcome.BUDGET_EXHAUSTED
    assert "the tolerance is beyond the precision; ask for less" in solution.message
