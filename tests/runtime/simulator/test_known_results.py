"""Comparison with known results: consensus on the constant sheaf, and the cost of a delay."""

from __future__ import annotations

import numpy as np
import pytest

import sheafnet as sn

AGENTS = 20


def constant_sheaf(edges: list[tuple[int, int]]) -> sn.Sheaf:
    same = sn.Identity()
    vertices = {f"v{n}": 1 for n in range(1 + max(max(pair) for pair in edges))}
    return sn.Sheaf(
        vertices, [sn.Edge(f"e{n}", f"v{a}", f"v{b}", same, same) for n, (a, b) in enumerate(edges)]
    )


def ring(reach: int) -> list[tuple[int, int]]:
    """Return the edges that join every agent on a ring to the nearest ``reach`` on both sides.

    The graph is regular of degree 2 · ``reach``.
    """
    return [(n, (n + step) % AGENTS) for n in range(AGENTS) for step in range(1, reach + 1)]


def star() -> list[tuple[int, int]]:
    return [(0, n) for n in range(1, AGENTS)]


def random_graph(seed: int) -> list[tuple[int, int]]:
    """Return the edges of an Erdős–Rényi graph with p = 0.2, and of a path that connects it."""
    rng = np.random.default_rng(seed)
    drawn = {(a, b) for a in range(AGENTS) for b in range(a + 1, AGENTS) if rng.random() < 0.2}
    return sorted(drawn | {(n, n + 1) for n in range(AGENTS - 1)})


GRAPHS = {"4-regular": ring(2), "random": random_graph(0), "star": star()}


def noise(sheaf: sn.Sheaf, seed: int = 0) -> sn.Cochain:
    rng = np.random.default_rng(seed)
    return sn.Cochain({v: rng.standard_normal((1, 2)) for v in sheaf.vertices})


@pytest.mark.parametrize("edges", GRAPHS.values(), ids=GRAPHS)
def test_heat_with_one_step_for_all_reaches_the_average(edges: list[tuple[int, int]]) -> None:
    sheaf = constant_sheaf(edges)
    start = noise(sheaf)
    solution = sn.infer(sheaf, rule=sn.Heat(dt=0.04), init=start)
    mean = np.mean([start[v] for v in sheaf.vertices], axis=0)
    for vertex in sheaf.vertices:
        np.testing.assert_allclose(solution.cochain[vertex], mean, atol=1e-7)


@pytest.mark.parametrize("edges", GRAPHS.values(), ids=GRAPHS)
def test_heat_with_a_step_of_its_own_reaches_the_average_weighted_by_degree(
    edges: list[tuple[int, int]],
) -> None:
    sheaf = constant_sheaf(edges)
    start = noise(sheaf)
    degree = {v: len(sheaf.incidences(v)) for v in sheaf.vertices}
    mean = sum(degree[v] * start[v] for v in sheaf.vertices) / sum(degree.values())
    solution = sn.infer(sheaf, rule=sn.Heat(), init=start)
    for vertex in sheaf.vertices:
        np.testing.assert_allclose(solution.cochain[vertex], mean, atol=1e-7)


@pytest.mark.parametrize("rule", ["heat", "prox"])
def test_without_order_there_is_still_a_consensus_within_the_range(rule: str) -> None:
    sheaf = constant_sheaf([(0, 1), (1, 2), (2, 3), (3, 4), (4, 0), (1, 4)])
    start = noise(sheaf, 1)
    network = sn.Simulator(
        seed=1,
        placement="by-vertex",
        latency=sn.Lognormal(3.0, 1.0),
        loss=0.3,
        duplication=0.2,
        slow={"v3": 10.0},
        partitions=(sn.Partition(("v0", "v4"), 20.0, 200.0),),
        shuffle_ties=True,
    )
    solution = sn.infer(sheaf, rule=rule, init=start, runtime=network)
    assert solution.outcome is sn.Outcome.CONVERGED
    stalks = np.array([solution.cochain[v] for v in sheaf.vertices])
    starts = np.array([start[v] for v in sheaf.vertices])
    assert np.ptp(stalks, axis=0).max() <= 1e-7
    assert (starts.min(axis=0) < stalks).all()
    assert (stalks < starts.max(axis=0)).all()


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["heat", "prox", "sor"])
def test_time_to_converge_grows_linearly_with_the_delay(rule: str) -> None:
    sheaf = constant_sheaf([(n, n + 1) for n in range(5)])
    pins = [sn.Pin("v0", [[0.0]]), sn.Pin("v5", [[1.0]])]
    delays, times = [10.0, 20.0, 40.0, 80.0, 160.0], []
    for delay in delays:
        network = sn.Simulator(
            latency=sn.Constant(delay), placement="by-vertex", report_latency=sn.Constant(0.0),
            report_interval=1.0,
        )  # fmt: skip
        solution = sn.infer(sheaf, pins, rule=rule, runtime=network, init="zeros")
        assert solution.outcome is sn.Outcome.CONVERGED
        times.append(solution.stats.virtual_time)
    slope, intercept = np.polyfit(delays, times, 1)
    assert slope > 0.0
    np.testing.assert_allclose(times, slope * np.array(delays) + intercept, rtol=0.01)
