"""The rules, compared with the authors' numbers, the theorems and the harmonic extension."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given

import sheafnet as sn
from sheafnet.errors import RuleError, UnknownNameError
from tests.support import golden
from tests.support.sheaves import chorded_cycle
from tests.support.strategies import networks, noise, seeds


def deviation(ours: sn.Cochain, theirs: sn.Cochain) -> float:
    return max(float(np.abs(ours[v] - theirs[v]).max()) for v in ours)


@pytest.mark.parametrize("name", golden.NAMES)
def test_heat_with_dt_is_the_authors_euler(name: str) -> None:
    reference = golden.load(name)
    solution = sn.infer(
        reference.sheaf,
        reference.pins,
        rule=sn.Heat(dt=0.01),
        init=reference.cochain("init_"),
        stop=sn.Stop(max_rounds=200),
    )
    assert solution.stats.rounds == 200
    assert deviation(solution.cochain, reference.cochain("euler200_")) <= 1e-10
    total = reference.arrays["euler200_total_discord"]
    assert sum(solution.discord.values()) == pytest.approx(total, abs=1e-10)


@pytest.mark.parametrize("schedule", ["all", "alternating"])
@pytest.mark.parametrize("name", [n for n in golden.NAMES if "8-8-8" not in n])
def test_heat_converges_to_the_forward_pass(name: str, schedule: str) -> None:
    reference = golden.load(name)
    solution = sn.infer(reference.sheaf, reference.pins, runtime=sn.Lockstep(schedule))  # type: ignore[arg-type]
    assert solution.outcome is sn.Outcome.CONVERGED
    assert solution.stationarity <= 1e-9
    assert deviation(solution.cochain, reference.cochain("")) <= 1e-6
    np.testing.assert_array_equal(solution.cochain["a0"], reference.arrays["x"])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "samples"), [("2-4-1-identity", 3), ("2-6-4-4-1-identity", 1)])
def test_the_tail_of_the_heat_flow_decays_at_lambda_1(name: str, samples: int) -> None:
    reference = golden.load(name)
    sheaf, target, dt = reference.sheaf, reference.cochain(""), 1e-2
    free = sheaf.vertices[1:]
    gates = [edge.tail for edge in sheaf.edges if edge.name.startswith("activation")]
    for sample in range(samples):
        one = sn.Cochain({v: target[v][:, [sample]] for v in sheaf.vertices})
        pins = [sn.Pin("a0", one["a0"])]
        values, vectors = np.linalg.eigh(sn.laplacian(sheaf, pins, one).toarray())
        slowest = vectors[:, 0]

        def gap(
            cochain: sn.Cochain, one: sn.Cochain = one
        ) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
            return np.concatenate([(cochain[v] - one[v])[:, 0] for v in free])

        now = noise(sheaf, 1, sample).replace({"a0": one["a0"]})
        rounds = round(0.3 / (values[0] * dt))
        norms: list[float] = []
        for _ in range(200):
            now = sn.infer(
                sheaf, pins, rule=sn.Heat(dt), init=now, stop=sn.Stop(1e-13, rounds)
            ).cochain
            away = gap(now)
            same_pattern = all(((now[v] >= 0) == (one[v] >= 0)).all() for v in gates)
            share = abs(float(slowest @ away)) / float(np.linalg.norm(away))
            if share >= 0.99 and same_pattern:
                norms.append(float(np.linalg.norm(away)))
            else:
                norms.clear()
            if len(norms) == 6:
                break
        assert len(norms) == 6, "the λ1 mode never came to hold 99 % of the norm"
        times = np.arange(6) * rounds * dt
        rate = -np.polyfit(times, np.log(norms), 1)[0]
        assert rate == pytest.approx(values[0], rel=0.01)


@given(networks(), seeds)
def test_coboundary_needs_no_more_rounds_than_there_are_free_vertices(
    network: sn.ReluNetwork, seed: int
) -> None:
    sheaf = network.to_sheaf()
    start = noise(sheaf, 2, seed)
    forward = network.forward_cochain(start["a0"])
    solution = sn.infer(
        sheaf,
        [sn.Pin("a0", start["a0"])],
        rule="coboundary",
        init=start,
        stop=sn.Stop(stationarity=1e-300, max_rounds=len(sheaf.vertices) - 1),
    )
    scale = 1.0 + max(float(np.abs(forward[v]).max()) for v in forward)
    assert deviation(solution.cochain, forward) <= 1e-12 * scale


@pytest.mark.parametrize("name", golden.NAMES)
def test_coboundary_stops_by_itself_in_exactly_that_many_rounds(name: str) -> None:
    reference = golden.load(name)
    solution = sn.infer(reference.sheaf, reference.pins, rule="coboundary")
    assert solution.outcome is sn.Outcome.CONVERGED
    assert solution.stats.rounds == len(reference.sheaf.vertices) - 1
    assert deviation(solution.cochain, reference.cochain("")) <= 1e-12


def test_coboundary_refuses_every_other_pin_and_says_why() -> None:
    sheaf = sn.ReluNetwork.random([2, 3, 1], seed=0).to_sheaf()
    x, y, z = (sn.Pin(v, np.ones((sheaf.stalk_dim(v), 1))) for v in ("a0", "z2", "z1"))
    with pytest.raises(RuleError, match=r"carries values forward only.*'z2' is given, but edge"):
        sn.infer(sheaf, [x, y], rule="coboundary")
    with pytest.raises(RuleError, match="'z1' is given, but edge 'weight_1' determines it too"):
        sn.infer(sheaf, [x, z], rule="coboundary")
    with pytest.raises(RuleError, match="'a0' is not given and is the head of 0 edges"):
        sn.infer(sheaf, [], rule="coboundary")


def test_coboundary_refuses_sheaves_without_a_forward_direction() -> None:
    same, twice = sn.Identity(), sn.Linear([[2.0]])
    by_two = sn.Sheaf({"u": 1, "v": 1}, [sn.Edge("e", "u", "v", same, twice)])
    with pytest.raises(RuleError, match="edge 'e' does not reach 'v' by the identity"):
        sn.infer(by_two, [sn.Pin("u", [[1.0]])], rule="coboundary")
    ring = [sn.Edge(f"{u}{v}", u, v, same, same) for u, v in ("uv", "vu")]
    with pytest.raises(RuleError, match="a cycle, or no given vertex, leads to u, v"):
        sn.infer(sn.Sheaf({"u": 1, "v": 1}, ring), [], rule="coboundary")


def test_heat_refuses_a_step_that_is_none() -> None:
    for dt in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(RuleError, match="it must be positive and finite"):
            sn.Heat(dt=dt)


def test_an_unknown_rule_is_refused_with_the_nearest() -> None:
    sheaf = sn.ReluNetwork.random([2, 1], seed=0).to_sheaf()
    with pytest.raises(UnknownNameError, match="no rule 'haet'; did you mean 'heat'"):
        sn.infer(sheaf, rule="haet")


@pytest.mark.slow
@given(seeds)
def test_on_linear_sheaves_the_step_that_a_vertex_justifies_by_itself_descends(seed: int) -> None:
    sheaf = chorded_cycle(seed)
    now = noise(sheaf, 2, seed)
    energies = []
    for _ in range(10):
        solution = sn.infer(sheaf, [sn.Pin("v0", now["v0"])], init=now, stop=sn.Stop(1e-300, 1))
        energies.append(solution.energy)
        now = solution.cochain
    assert all(b <= a * (1 + 1e-12) for a, b in pairwise(energies))


def test_a_unit_that_passes_its_kink_back_and_forth_is_left_there() -> None:
    network = sn.ReluNetwork([[[1.0]], [[10.0]]], [[0.0], [0.0]])
    start = sn.Cochain({"a0": [[1.0]], "z1": [[-0.01]], "a1": [[-3.0]], "z2": [[-30.0]]})
    pins = [sn.Pin("a0", [[1.0]])]
    # With 1 from a0 and −3 from a1 the energy of the unit has its minimum at the kink.
    once, twice = sn.Stop(max_rounds=1), sn.Stop(max_rounds=2)
    past = sn.infer(network.to_sheaf(), pins, rule=sn.Heat(), init=start, stop=once)
    there = sn.infer(network.to_sheaf(), pins, rule=sn.Heat(), init=start, stop=twice)
    assert past.cochain["z1"] > 0.0
    assert there.cochain["z1"] == 0.0
    done = sn.infer(network.to_sheaf(), pins, rule=sn.Heat(), init=start)
    assert done.outcome is sn.Outcome.CONVERGED
    assert deviation(done.cochain, network.forward_cochain([[1.0]])) <= 1e-6


def test_a_steep_forward_pass_is_no_divergence() -> None:
    depth = 10
    network = sn.ReluNetwork([[[100.0]]] * depth, [[0.0]] * depth)
    solution = sn.infer(network.to_sheaf(), [sn.Pin("a0", [[1.0]])], rule="coboundary")
    assert solution.outcome is sn.Outcome.CONVERGED
    assert solution.cochain["z10"] == 1e20


def test_coboundary_ends_exactly_not_within_a_tolerance() -> None:
    network = sn.ReluNetwork([[[1e-12]], [[1e12]]], [[0.0], [0.0]])
    pins = [sn.Pin("a0", [[1.0]])]
    solution = sn.infer(network.to_sheaf(), pins, rule="coboundary", init="zeros")
    assert solution.outcome is sn.Outcome.CONVERGED
    assert solution.cochain["z2"] == 1.0
