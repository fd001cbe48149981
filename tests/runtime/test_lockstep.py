"""The lockstep executor: rounds, ledger, stopping, divergence, digest, general sheaves."""

from __future__ import annotations

import math

import numpy as np
import pytest

import sheafnet as sn
from sheafnet.dynamics.group import Group
from sheafnet.dynamics.messages import Key, Kind, Message
from sheafnet.errors import InputError
from sheafnet.runtime.divergence import DivergenceGuard
from tests.support.sheaves import PoisonedGate, chorded_cycle, grid

NETWORK = sn.ReluNetwork.random([2, 5, 4, 1], seed=1)
SHEAF = NETWORK.to_sheaf()
X = np.random.default_rng(0).standard_normal((2, 3))
PINS = [sn.Pin("a0", X)]


@pytest.mark.parametrize("schedule", ["all", "alternating"])
def test_constant_sheaf_on_a_grid_with_pinned_corners(schedule: str) -> None:
    sheaf = grid(5)
    rng = np.random.default_rng(3)
    pins = [sn.Pin(f"v{i}_{j}", rng.standard_normal((2, 4))) for i in (0, 4) for j in (0, 4)]
    solution = sn.infer(sheaf, pins, runtime=sn.Lockstep(schedule))  # type: ignore[arg-type]
    harmonic = sn.harmonic_extension(sheaf, pins)
    assert solution.outcome is sn.Outcome.CONVERGED
    for vertex in sheaf.vertices:
        np.testing.assert_allclose(solution.cochain[vertex], harmonic[vertex], atol=1e-7)
    # The mean value property does not depend on any of our solvers.
    inner = solution.cochain
    around = sum(inner[v] for v in ("v1_2", "v3_2", "v2_1", "v2_3")) / 4
    np.testing.assert_allclose(inner["v2_2"], around, atol=1e-7)


@pytest.mark.parametrize("seed", range(4))
def test_random_maps_on_a_cycle_with_chords(seed: int) -> None:
    sheaf = chorded_cycle(seed)
    rng = np.random.default_rng(seed)
    pins = [
        sn.Pin(v, rng.standard_normal((sheaf.stalk_dim(v), 2))) for v in ("v0", "v3", "v5", "v7")
    ]
    solution = sn.infer(sheaf, pins, stop=sn.Stop(max_rounds=500_000))
    harmonic = sn.harmonic_extension(sheaf, pins)
    assert solution.outcome is sn.Outcome.CONVERGED
    for vertex in sheaf.vertices:
        np.testing.assert_allclose(solution.cochain[vertex], harmonic[vertex], atol=1e-6)


def test_with_nothing_pinned_a_constant_sheaf_comes_to_the_average() -> None:
    sheaf = grid(3)
    start = sn.prepare(sheaf, seed=5).problem.start
    solution = sn.infer(sheaf, rule=sn.Heat(dt=0.1), init=start)
    mean = sum(start[v] for v in sheaf.vertices) / len(sheaf.vertices)
    for vertex in sheaf.vertices:
        np.testing.assert_allclose(solution.cochain[vertex], mean, atol=1e-7)


def test_isolated_vertices_stay_where_they_are() -> None:
    sheaf = sn.Sheaf({"u": 2, "v": 1}, [])
    for rule in (sn.Heat(), sn.Heat(dt=0.1)):
        solution = sn.infer(sheaf, rule=rule, seed=3)
        assert solution.outcome is sn.Outcome.CONVERGED
        assert solution.stats.rounds == 0
        assert solution.energy == 0.0


def test_a_round_is_one_step_of_every_free_vertex_and_a_message_each_way() -> None:
    rounds = 7
    solution = sn.infer(SHEAF, PINS, stop=sn.Stop(1e-300, rounds))
    free, edges = len(SHEAF.vertices) - 1, len(SHEAF.edges)
    assert solution.stats.rounds == rounds
    assert solution.stats.updates == rounds * free
    # First projections both ways on every edge; after that a0, which is pinned, sends none.
    assert solution.stats.messages == 2 * edges + rounds * (2 * edges - 1)
    assert solution.stats.virtual_time == rounds
    assert (solution.stats.frames, solution.stats.bytes) == (0, 0)


def test_the_ledger_holds_graph_neighbours_only() -> None:
    for sheaf, pins in ((SHEAF, PINS), (chorded_cycle(0), [])):
        solution = sn.infer(sheaf, pins, stop=sn.Stop(max_rounds=5))
        for sender, receiver in solution.ledger:
            assert receiver in sheaf.graph.neighbours(sender)
        assert sum(solution.ledger.values()) == solution.stats.messages


@pytest.mark.parametrize("schedule", ["all", "alternating"])
def test_everyone_steps_from_what_was_delivered_before(schedule: str) -> None:
    """Compare with the iteration written out on whole vectors: Jacobi, or red before black."""
    sheaf = grid(3)
    corner = np.ones((2, 1))
    start = sn.prepare(sheaf, [sn.Pin("v0_0", corner)]).problem.start
    solution = sn.infer(
        sheaf,
        [sn.Pin("v0_0", corner)],
        rule=sn.Heat(),
        init=start,
        runtime=sn.Lockstep(schedule),  # type: ignore[arg-type]
        stop=sn.Stop(max_rounds=5),
    )
    x = {v: start[v] for v in sheaf.vertices}
    colours = sheaf.graph.colouring()
    groups: list[list[str]] = [list(sheaf.vertices)]
    if schedule == "alternating":
        groups = [[v for v in sheaf.vertices if colours[v] == c] for c in (0, 1)]
    for _ in range(5):
        for group in groups:
            fresh = {}
            for v in group:
                near = [x[n] for n in sheaf.graph.neighbours(v)]
                step = 0.99 / len(near) * (len(near) * x[v] - sum(near))
                fresh[v] = x[v] if v == "v0_0" else x[v] - step
            x |= fresh
    for v in sheaf.vertices:
        np.testing.assert_allclose(solution.cochain[v], x[v], rtol=1e-12, atol=1e-14)


def test_budget_in_rounds_and_in_virtual_time() -> None:
    for stop in (sn.Stop(max_rounds=3), sn.Stop(max_time=3.0)):
        solution = sn.infer(SHEAF, PINS, stop=stop)
        assert solution.outcome is sn.Outcome.BUDGET_EXHAUSTED
        assert solution.stats.rounds == 3
        assert "raise max_rounds" in solution.message


def test_converged_means_a_small_force_not_a_small_step() -> None:
    tiny = sn.infer(SHEAF, PINS, rule=sn.Heat(dt=1e-14), stop=sn.Stop(max_rounds=5))
    assert tiny.outcome is sn.Outcome.BUDGET_EXHAUSTED
    assert tiny.stationarity > 1e-2


def test_a_start_that_is_stationary_needs_no_round() -> None:
    solution = sn.infer(SHEAF, PINS, init="forward")
    assert solution.outcome is sn.Outcome.CONVERGED
    assert solution.stats.updates == 0
    assert solution.energy == 0.0


def test_divergence_names_the_vertex_and_keeps_the_last_finite_cochain() -> None:
    solution = sn.infer(SHEAF, PINS, rule=sn.Heat(dt=10.0))
    assert solution.outcome is sn.Outcome.DIVERGED
    assert "the force on '" in solution.message
    assert f"at its update {solution.stats.rounds};" in solution.message
    assert "lower dt" in solution.message
    for vertex in SHEAF.vertices:
        assert np.isfinite(solution.cochain[vertex]).all()
    assert np.isfinite(solution.energy)
    np.testing.assert_array_equal(solution.cochain["a0"], X)


def test_the_guard_trips_on_growth_and_never_on_distance() -> None:
    assert not DivergenceGuard(1e30, 1e12).trips(1e40)
    assert DivergenceGuard(1.0, 1e12).trips(3e12)
    assert not DivergenceGuard(1.0, math.inf).trips(1e149)
    for guard in (
        DivergenceGuard(1.0, 1e12),
        DivergenceGuard(math.nan, 1e12),
        DivergenceGuard(1.0, math.inf),
    ):
        assert guard.trips(math.nan)
        assert guard.trips(math.inf)


def test_a_map_that_gives_nan_is_caught_where_it_happens() -> None:
    sheaf = sn.Sheaf(
        {"u": 1, "v": 1, "w": 1},
        [
            sn.Edge("e", "u", "v", sn.Identity(), sn.Identity()),
            sn.Edge("f", "v", "w", PoisonedGate(), sn.Identity()),
        ],
    )
    start = sn.Cochain({"u": [[50.0]], "v": [[0.0]], "w": [[0.0]]})
    solution = sn.infer(sheaf, [sn.Pin("u", [[50.0]])], init=start)
    assert solution.outcome is sn.Outcome.DIVERGED
    assert "the force on 'v' reached nan at its update 1" in solution.message
    assert solution.cochain["v"] == 0.0


def test_weights_too_large_to_square_end_in_divergence_not_in_a_warning() -> None:
    sheaf = sn.ReluNetwork([[[1e200]], [[1e200]]], [[0.0], [0.0]]).to_sheaf()
    solution = sn.infer(sheaf, [sn.Pin("a0", [[1.0]])], rule=sn.Heat(dt=0.1))
    assert solution.outcome is sn.Outcome.DIVERGED
    assert np.isfinite(solution.cochain["z2"]).all()


def test_same_seed_same_digest_and_bits_another_seed_another_digest() -> None:
    first, again, other = (sn.infer(SHEAF, PINS, seed=seed) for seed in (1, 1, 2))
    assert first.trace_digest == again.trace_digest != other.trace_digest
    for vertex in SHEAF.vertices:
        np.testing.assert_array_equal(first.cochain[vertex], again.cochain[vertex])
        np.testing.assert_allclose(first.cochain[vertex], other.cochain[vertex], atol=1e-6)


def test_the_digest_differs_for_runs_that_end_alike() -> None:
    stop = sn.Stop(1e-300, 2000)
    digests = {
        sn.infer(SHEAF, PINS, rule=rule, runtime=sn.Lockstep(schedule), stop=stop).trace_digest
        for rule in (sn.Heat(), sn.Heat(dt=0.1))
        for schedule in ("all", "alternating")
    }
    assert len(digests) == 4


def test_float32_runs_in_float32_with_its_own_tolerance() -> None:
    network = NETWORK.astype(np.float32)
    solution = sn.infer(network.to_sheaf(), PINS)
    assert solution.outcome is sn.Outcome.CONVERGED
    assert {solution.cochain[v].dtype for v in solution.cochain} == {np.dtype(np.float32)}
    assert 1e-9 < solution.stationarity <= 1e-4
    np.testing.assert_allclose(solution.cochain["z3"], network.forward(X), atol=1e-2)


def test_messages_for_vertices_elsewhere_are_handed_back() -> None:
    problem = sn.prepare(SHEAF, PINS).problem
    group = Group(vertex for vertex in problem.vertices() if vertex.name in ("z1", "a1"))
    elsewhere = group.deliver(group.start())
    assert [(m.key.edge, m.key.sender) for m in elsewhere] == [
        ("weight_1", "z1"),
        ("weight_2", "a1"),
    ]
    assert group.counters().ledger == {
        ("z1", "a1"): 1,
        ("a1", "z1"): 1,
        ("a0", "z1"): 0,
        ("z2", "a1"): 0,
    }
    # A vertex does not step before it has a message from every neighbour.
    assert group.step(["z1", "a1"]) == []
    message = Message(Key(Kind.PROJECTION, "weight_1", "a0"), 1, problem.start["z1"])
    group.deliver([message, message, message])
    assert group.counters().ledger["a0", "z1"] == 1  # a repeated message is not counted
    group.hand(message, incarnation=1)
    assert group.counters().ledger["a0", "z1"] == 2  # but one of a later incarnation is
    stranger = Message(Key(Kind.PROJECTION, "weight_1", "a1"), 1, problem.start["z1"])
    assert group.deliver([stranger]) == [stranger]
    assert {m.key.sender for m in group.step(["z1", "a1"])} == {"z1"}


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: sn.Lockstep("al"), "no schedule 'al'; did you mean 'all'"),  # type: ignore[arg-type]
        (lambda: sn.Stop(stationarity=0.0), "stationarity is 0.0"),
        (lambda: sn.Stop(max_rounds=0), "max_rounds is 0"),
        (lambda: sn.Stop(max_time=-1.0), "max_time is -1.0"),
    ],
)
def test_settings_out_of_range_are_refused(make: object, match: str) -> None:
    assert callable(make)
    with pytest.raises(InputError, match=match):
        make()
