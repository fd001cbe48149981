"""The rules that relax with pins anywhere: prox and sor, kinks, soft pins, losses."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

import sheafnet as sn
from sheafnet.core.arrays import Array
from sheafnet.core.energy import energy, stationarity
from sheafnet.core.pins import resolve_pins
from sheafnet.errors import RuleError
from tests.support import golden
from tests.support.sheaves import chorded_cycle, grid
from tests.support.strategies import networks, seeds

RED_BLACK = sn.Lockstep("alternating")
ENERGY_SLACK = 1e-6


def deviation(ours: sn.Cochain, theirs: sn.Cochain) -> float:
    return max(float(np.abs(ours[v] - theirs[v]).max()) for v in ours)


def triangle() -> sn.Sheaf:
    """Return three stalks of dimension 1, two edges with equal maps and one with opposite maps."""
    same, opposite = sn.Identity(), sn.Linear([[-1.0]])
    return sn.Sheaf(
        {"u": 1, "v": 1, "w": 1},
        [
            sn.Edge("uv", "u", "v", same, same),
            sn.Edge("vw", "v", "w", same, same),
            sn.Edge("wu", "w", "u", opposite, same),
        ],
    )


# Input pinned: the forward pass.


@pytest.mark.parametrize(
    ("rule", "runtime", "most"),
    [("sor", sn.Lockstep(), 150), ("prox", RED_BLACK, 1500), ("prox", sn.Lockstep(), 3000)],
)
def test_rounds_to_the_forward_pass(rule: str, runtime: sn.Lockstep, most: int) -> None:
    reference = golden.load("2-6-4-4-1-identity")
    solution = sn.infer(reference.sheaf, reference.pins, rule=rule, runtime=runtime)
    assert solution.outcome is sn.Outcome.CONVERGED
    assert solution.stats.rounds <= most
    assert deviation(solution.cochain, reference.cochain("")) <= 1e-6


@pytest.mark.parametrize("name", golden.NAMES)
def test_sor_reaches_every_forward_pass(name: str) -> None:
    reference = golden.load(name)
    solution = sn.infer(reference.sheaf, reference.pins, rule="sor")
    assert solution.outcome is sn.Outcome.CONVERGED
    assert deviation(solution.cochain, reference.cochain("")) <= 1e-6


@pytest.mark.parametrize("seed", range(2))
def test_sor_needs_rounds_as_the_root_of_the_condition_number(seed: int) -> None:
    network = sn.ReluNetwork.random([16, *[32] * 10, 4], seed=seed)
    x = np.random.default_rng(100 + seed).standard_normal((16, 1))
    pins, forward = [sn.Pin("a0", x)], network.forward_cochain(x)
    eigenvalues = sn.spectrum(network.to_sheaf(), pins, forward)[0]
    condition = eigenvalues[-1] / eigenvalues[0]
    solution = sn.infer(network.to_sheaf(), pins, rule="sor", stop=sn.Stop(1e-10))
    assert solution.outcome is sn.Outcome.CONVERGED
    assert deviation(solution.cochain, forward) <= 1e-7
    assert solution.stats.rounds <= 12.0 * np.sqrt(condition)


# Both ends pinned: kinks.


@pytest.mark.parametrize("name", golden.PINNED)
@pytest.mark.parametrize("rule", [sn.Prox(), sn.Prox(branch="keep"), sn.Sor(), sn.Heat()], ids=repr)
def test_with_both_ends_pinned_it_settles_no_higher_than_the_authors(
    name: str, rule: sn.Rule
) -> None:
    reference = golden.load_pinned(name)
    sheaf = reference.network.to_sheaf()
    solution = sn.infer(sheaf, reference.pins, rule=rule, init="forward", runtime=RED_BLACK)
    assert solution.outcome is sn.Outcome.CONVERGED
    assert solution.stationarity <= 1e-9
    theirs = energy(sheaf, reference.theirs, {})
    assert solution.energy <= theirs * (1.0 + ENERGY_SLACK)
    if name.endswith("sgd20000") and rule == sn.Prox(branch="keep"):
        assert solution.discord == pytest.approx(reference.discord, abs=1e-6)
    if name.endswith("sgd1000"):
        assert sum(solution.kinks.values()) > 0  # where the authors' flow chatters


def unit(c: float, a: float) -> sn.Sheaf:
    """Return the path of one gated unit, whose ends are to be pinned to ``c`` and ``a``."""
    same = sn.Identity()
    del c, a
    return sn.Sheaf(
        {"a0": 1, "z1": 1, "a1": 1},
        [
            sn.Edge("weight_1", "a0", "z1", same, same),
            sn.Edge("activation_1", "z1", "a1", sn.ReluGate(), same),
        ],
    )


def relax_unit(c: float, a: float, rule: sn.Rule, start: float) -> sn.Solution:
    pins = [sn.Pin("a0", [[c]]), sn.Pin("a1", [[a]])]
    init = sn.Cochain({"z1": [[start]]})
    return sn.infer(unit(c, a), pins, rule=rule, init=init)


@given(
    st.floats(-3, 3).map(lambda x: round(x, 3)),
    st.floats(-3, 3).map(lambda x: round(x, 3)),
    st.sampled_from([-2.0, -0.1, 0.0, 0.1, 2.0]),
)
def test_a_gated_unit_goes_to_the_lowest_of_its_minima(c: float, a: float, start: float) -> None:
    """The reference is a search over a fine grid that contains both candidate minima."""
    z = relax_unit(c, a, sn.Prox(), start).cochain["z1"].item()
    tries = np.append(np.linspace(-4.0, 4.0, 8001), [c, (c + a) / 2.0, 0.0])
    costs = 0.5 * (tries - c) ** 2 + 0.5 * (np.maximum(tries, 0.0) - a) ** 2
    assert 0.5 * (z - c) ** 2 + 0.5 * (max(z, 0.0) - a) ** 2 <= costs.min() + 1e-12


@given(
    st.floats(-3, 3).map(lambda x: round(x, 3)),
    st.floats(-3, 3).map(lambda x: round(x, 3)),
    st.floats(-2, 2).map(lambda x: round(x, 3)),
)
def test_keep_goes_where_a_fine_flow_goes(c: float, a: float, start: float) -> None:
    assume(c != 0.0)  # with c = 0 the flow from below approaches 0 but does not reach it
    z = relax_unit(c, a, sn.Prox(branch="keep"), start).cochain["z1"].item()
    flow, step = start, 1e-3
    for _ in range(20_000):
        force = (flow - c) + ((flow - a) if flow >= 0.0 else 0.0)
        flow -= step * force
    assert z == pytest.approx(flow, abs=5e-3)


def test_a_unit_on_its_kink_is_stationary_and_counted() -> None:
    for rule in (sn.Prox(), sn.Prox(branch="keep"), sn.Heat(), sn.Sor()):
        solution = relax_unit(1.0, -2.0, rule, 0.7)
        assert solution.outcome is sn.Outcome.CONVERGED
        assert solution.cochain["z1"] == 0.0
        assert solution.kinks == {"a0": 0, "z1": 1, "a1": 0}
    # The authors' fixed step crosses the kink in every round.
    chattering = relax_unit(1.0, -2.0, sn.Heat(dt=0.01), 0.7)
    assert chattering.outcome is sn.Outcome.BUDGET_EXHAUSTED


def test_a_maximum_on_a_kink_is_not_stationary() -> None:
    """Zero lies between the one-sided forces, but the energy falls on both sides."""
    sheaf = unit(-1.0, 3.0)
    pins = resolve_pins(sheaf, [sn.Pin("a0", [[-1.0]]), sn.Pin("a1", [[3.0]])])
    top = sn.Cochain({"a0": [[-1.0]], "z1": [[0.0]], "a1": [[3.0]]})
    assert stationarity(sheaf, top, pins)["z1"] == 2.0
    solution = relax_unit(-1.0, 3.0, sn.Heat(), 0.0)
    assert abs(solution.cochain["z1"].item()) > 0.5


# General sheaves.


@pytest.mark.parametrize("rule", ["prox", "sor"])
@pytest.mark.parametrize("seed", range(4))
def test_general_sheaves_reach_their_harmonic_extension(rule: str, seed: int) -> None:
    cycle = (chorded_cycle(seed), ["v0", "v3", "v5", "v7"])
    for sheaf, held in ((grid(4), ["v0_0", "v3_3"]), cycle):
        rng = np.random.default_rng(seed)
        pins = [sn.Pin(v, rng.standard_normal((sheaf.stalk_dim(v), 2))) for v in held]
        solution = sn.infer(sheaf, pins, rule=rule, stop=sn.Stop(1e-10, max_rounds=10**5))
        assert solution.outcome is sn.Outcome.CONVERGED
        assert deviation(solution.cochain, sn.harmonic_extension(sheaf, pins)) <= 1e-6


@pytest.mark.parametrize("rule", ["prox", "sor"])
def test_the_triangle_that_cannot_agree_converges(rule: str) -> None:
    solution = sn.infer(triangle(), [sn.Pin("u", [[1.0]])], rule=rule)
    assert solution.outcome is sn.Outcome.CONVERGED
    best = sn.harmonic_extension(triangle(), [sn.Pin("u", [[1.0]])])
    assert deviation(solution.cochain, best) <= 1e-8


def test_where_neighbours_would_swap_their_errors_the_steps_are_damped() -> None:
    pins = [sn.Pin("v0_0", np.zeros((2, 1)))]
    assert sn.prepare(grid(3), pins).problem.fitted_rule == sn.Prox(damping=1.0)
    assert sn.prepare(grid(3)).problem.fitted_rule == sn.Prox(damping=0.9)  # nothing pinned
    odd = sn.prepare(triangle(), [sn.Pin("u", [[1.0]])])
    assert odd.problem.fitted_rule == sn.Prox(damping=0.9)
    assert sn.prepare(grid(3), rule=sn.Prox(damping=0.5)).problem.fitted_rule.damping == 0.5  # type: ignore[attr-defined]
    undamped = sn.infer(grid(2), rule=sn.Prox(damping=1.0), stop=sn.Stop(max_rounds=1000))
    assert undamped.outcome is sn.Outcome.BUDGET_EXHAUSTED
    assert sn.infer(grid(2)).outcome is sn.Outcome.CONVERGED


def test_a_free_input_takes_the_least_change_that_explains_the_output() -> None:
    """With a wide W many inputs give the output; the result is the one nearest to the start."""
    W = np.random.default_rng(0).standard_normal((2, 5))
    sheaf = sn.ReluNetwork([W], [np.zeros(2)]).to_sheaf()
    y, start = np.array([[1.0], [-2.0]]), np.full((5, 1), 0.3)
    solution = sn.infer(sheaf, [sn.Pin("z1", y)], init=sn.Cochain({"a0": start}))
    expected = start + np.linalg.pinv(W) @ (y - W @ start)
    np.testing.assert_allclose(solution.cochain["a0"], expected, atol=1e-9)


# Soft pins.


def test_a_soft_pin_moves_the_output_from_free_to_held() -> None:
    network = sn.ReluNetwork.random([3, 12, 8, 2], seed=2)
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((3, 6)), rng.standard_normal((2, 6))
    sheaf, into = network.to_sheaf(), sn.Pin("a0", x)
    forward = network.forward(x)

    def relax(*pins: sn.Pin) -> Array:
        # "keep" stays in one basin, so that all strengths are compared at the same minimum.
        solution = sn.infer(
            sheaf, [into, *pins], rule=sn.Prox(branch="keep"), init="forward",
            runtime=RED_BLACK, stop=sn.Stop(1e-10, max_rounds=10**6),
        )  # fmt: skip
        assert solution.outcome is sn.Outcome.CONVERGED
        return solution.cochain["z3"]

    distances = [
        np.linalg.norm(relax(sn.Pin("z3", y, strength=gamma)) - y)
        for gamma in np.logspace(-3, 3, 13)
    ]
    assert all(b < a for a, b in pairwise(distances))
    assert distances[0] == pytest.approx(float(np.linalg.norm(forward - y)), rel=1e-2)
    assert distances[-1] < 1e-2 * distances[0]


@pytest.mark.parametrize("rule", ["prox", "sor"])
def test_identities_take_no_more_than_a_stalk_however_wide(rule: str) -> None:
    """On u – v – w, with u held, v held in part and w pulled, each coordinate has a formula."""
    wide, strength = 100_000, 2.0
    same = sn.Identity()
    sheaf = sn.Sheaf(
        {"u": wide, "v": wide, "w": wide},
        [sn.Edge("uv", "u", "v", same, same), sn.Edge("vw", "v", "w", same, same)],
    )
    x, y, h = np.random.default_rng(0).standard_normal((3, wide, 1))
    third = slice(0, wide, 3)
    coords = range(wide)[third]
    pins = [sn.Pin("u", x), sn.Pin("v", h[third], coords), sn.Pin("w", y, strength=strength)]
    solution = sn.infer(sheaf, pins, rule=rule, stop=sn.Stop(1e-12))
    w = (x / 2.0 + strength * y) / (0.5 + strength)
    v = (x + w) / 2.0
    v[third] = h[third]
    w[third] = (h[third] + strength * y[third]) / (1.0 + strength)
    assert solution.outcome is sn.Outcome.CONVERGED
    np.testing.assert_allclose(solution.cochain["v"], v, atol=1e-10)
    np.testing.assert_allclose(solution.cochain["w"], w, atol=1e-10)


def test_an_enormous_strength_is_a_hard_pin() -> None:
    network = sn.ReluNetwork.random([3, 8, 2], seed=1)
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((3, 4)), rng.standard_normal((2, 4))
    results = []
    for strength in (1e8, None):
        solution = sn.infer(
            network.to_sheaf(),
            [sn.Pin("a0", x), sn.Pin("z2", y, strength=strength)],
            init="forward",
            # The rounding of x times γ is a force that no run can reduce below this.
            stop=sn.Stop(1e-6, max_rounds=10**5),
        )
        assert solution.outcome is sn.Outcome.CONVERGED
        results.append(solution.cochain)
    assert deviation(*results) <= 1e-6


@pytest.mark.parametrize("rule", ["prox", "sor", "heat"])
def test_soft_pins_and_coordinates_end_where_a_minimiser_ends(rule: str) -> None:
    """The reference is SciPy's L-BFGS-B on the energy as a function of all free coordinates."""
    sheaf = chorded_cycle(2)
    rng = np.random.default_rng(4)
    dims = {v: sheaf.stalk_dim(v) for v in sheaf.vertices}
    pins = [
        sn.Pin("v0", rng.standard_normal((dims["v0"], 1))),
        sn.Pin("v1", 0.5, coords=[0]),
        sn.Pin("v3", rng.standard_normal(dims["v3"]), strength=2.0),
        sn.Pin("v3", -1.0, coords=[0], strength=0.5),
    ]
    solution = sn.infer(sheaf, pins, rule=rule, stop=sn.Stop(1e-10, max_rounds=10**5))
    assert solution.outcome is sn.Outcome.CONVERGED
    assert solution.cochain["v1"][0] == 0.5
    assert sorted(solution.pin_discord) == ["pin_v3_0", "pin_v3_1"]
    half = 0.5 * (sum(solution.discord.values()) + sum(solution.pin_discord.values()))
    assert solution.energy == pytest.approx(half)
    resolved = resolve_pins(sheaf, pins)
    splits = np.cumsum(list(dims.values()))[:-1]

    def value(flat: Array) -> float:
        parts = dict(zip(dims, np.split(flat[:, None], splits), strict=True))
        at = {v: resolved[v].imposed_on(x) if v in resolved else x for v, x in parts.items()}
        return energy(sheaf, at, resolved)

    best = minimize(value, np.zeros(sum(dims.values())), options={"gtol": 1e-9})
    assert solution.energy == pytest.approx(best.fun, rel=1e-9, abs=1e-9)
    extension = sn.harmonic_extension(sheaf, pins)
    assert deviation(solution.cochain, extension) <= 1e-7


# Outputs with a loss.


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
@pytest.mark.parametrize("force", ["jacobian", "cross-entropy"])
@pytest.mark.parametrize("rule", ["prox", "sor", "heat"])
def test_outputs_relax_free_and_pinned_under_either_force(
    output: str, force: str, rule: str
) -> None:
    network = sn.ReluNetwork.random([3, 8, 4], seed=0, output=output)
    x = np.random.default_rng(0).standard_normal((3, 5))
    sheaf = network.to_sheaf(force)  # type: ignore[arg-type]
    stop = sn.Stop(1e-8, max_rounds=10**5)
    free = sn.infer(sheaf, [sn.Pin("a0", x)], rule=rule, stop=stop)
    assert free.outcome is sn.Outcome.CONVERGED
    assert deviation(free.cochain, network.forward_cochain(x)) <= 1e-5
    assert free.energy == pytest.approx(0.0, abs=1e-9)
    labels = np.eye(4)[:, [0, 1, 2, 3, 0]]
    pins = [sn.Pin("a0", x), sn.Pin("a2", labels)]
    held = sn.infer(sheaf, pins, rule=rule, init="forward", stop=stop)
    assert held.outcome is sn.Outcome.CONVERGED
    assert held.stationarity <= 1e-8
    before = energy(sheaf, network.forward_cochain(x).replace({"a2": labels}), {})
    assert held.energy < before


def test_the_loss_is_the_cross_entropy_and_its_force_the_residual() -> None:
    rng = np.random.default_rng(5)
    z, labels = rng.standard_normal((3, 4)), np.eye(3)[:, [0, 2, 1, 0]]
    p, q = sn.Softmax().apply(z), sn.Sigmoid().apply(z)
    by_class = -np.sum(labels * np.log(p))
    by_unit = -np.sum(labels * np.log(q) + (1.0 - labels) * np.log(1.0 - q))
    cases = ((sn.Softmax("cross-entropy"), by_class), (sn.Sigmoid("cross-entropy"), by_unit))
    for output, loss in cases:
        p = output.apply(z)
        assert output.energy(z, p, labels) == pytest.approx(loss)
        np.testing.assert_array_equal(output.pullback(z, p - labels), p - labels)
        soft = rng.uniform(0.1, 0.9, (3, 4))
        assert output.energy(z, p, soft / soft.sum(axis=0)) > 0.0
        assert output.energy(z, p, p) == pytest.approx(0.0, abs=1e-12)
        weight, centre = rng.uniform(1.0, 3.0, (3, 1)), rng.standard_normal((3, 4))
        best = output.prox(weight, centre, labels, z, keep=False)
        force = weight * (best - centre) + output.apply(best) - labels
        assert np.abs(force).max() <= 1e-12


def test_auto_takes_the_loss_where_the_labels_are_held() -> None:
    network = sn.ReluNetwork.random([2, 3], seed=0, output="softmax")
    x = sn.Pin("a0", np.ones((2, 1)))
    held = sn.Pin("a1", np.eye(3)[:, :1])
    forces = {
        "held": sn.prepare(network.to_sheaf(), [x, held]),
        "free": sn.prepare(network.to_sheaf(), [x]),
        "asked": sn.prepare(network.to_sheaf("jacobian"), [x, held]),
    }
    maps = {case: run.problem.sheaf.edge("output").tail_map for case, run in forces.items()}
    assert maps == {
        "held": sn.Softmax("cross-entropy"),
        "free": sn.Softmax("jacobian"),
        "asked": sn.Softmax("jacobian"),
    }


# Laws for any network, pins and start.


@settings(max_examples=25, deadline=None)
@given(networks(), seeds, st.data())
def test_red_and_black_prox_never_raises_the_energy_and_never_moves_a_pin(
    network: sn.ReluNetwork, seed: int, data: st.DataObject
) -> None:
    sheaf = network.to_sheaf()
    rng = np.random.default_rng(seed)
    chosen = data.draw(st.lists(st.sampled_from(sheaf.vertices), unique=True))
    pins = []
    for vertex in chosen:
        dim = sheaf.stalk_dim(vertex)
        coords = data.draw(st.one_of(st.none(), st.just([0]), st.just(list(range(dim)))))
        strength = data.draw(st.sampled_from([None, None, 0.1, 10.0]))
        size = dim if coords is None else len(coords)
        pins.append(sn.Pin(vertex, rng.standard_normal((size, 2)), coords, strength))
    resolved = resolve_pins(sheaf, pins, 2)
    start = {v: rng.standard_normal((sheaf.stalk_dim(v), 2)) for v in sheaf.vertices}
    relaxed = sn.prepare(sheaf, pins, init=sn.Cochain(start)).problem.sheaf
    energies = []
    for rounds in (1, 2, 5, 20):
        solution = sn.infer(
            sheaf, pins, rule=sn.Prox(damping=1.0), init=sn.Cochain(start),
            runtime=RED_BLACK, stop=sn.Stop(max_rounds=rounds),
        )  # fmt: skip
        energies.append(solution.energy)
        for vertex, stalk in resolved.items():
            held = solution.cochain[vertex][stalk.held]
            np.testing.assert_array_equal(held, stalk.value[stalk.held])
        found = stationarity(relaxed, solution.cochain, resolved)
        assert solution.stationarity == max(found.values())
        if solution.outcome is sn.Outcome.CONVERGED:
            assert solution.stationarity <= 1e-9
    # The energy may be negative: a loss towards a target that is no label can be.
    assert all(b <= a + 1e-9 * abs(a) + 1e-12 for a, b in pairwise(energies))


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(RuleError, match="prox: no branch 'lowset'; did you mean 'lowest'"):
        sn.Prox(branch="lowset")  # type: ignore[arg-type]
    for damping in (0.0, 1.1, float("nan")):
        with pytest.raises(RuleError, match="prox: damping is"):
            sn.Prox(damping=damping)
    for omega in (0.0, 2.0, float("nan")):
        with pytest.raises(RuleError, match="sor: omega is"):
            sn.Sor(omega)
