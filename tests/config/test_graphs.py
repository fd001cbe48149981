from pathlib import Path

import numpy as np
import pytest

from sheafnet.config.builders.job import InferJob, build_inference
from sheafnet.config.load import dump_config, load_config
from sheafnet.errors import ConfigError
from sheafnet.runtime.jobs.observer import Observer


def job(tmp_path: Path, graph: str, more: str = "") -> InferJob:
    path = tmp_path / "config.yaml"
    path.write_text(f"sheaf: {{kind: constant, dim: 2, graph: {{{graph}}}}}\n{more}")
    loaded = load_config(path)
    path.write_text(dump_config(loaded.config))
    assert load_config(path).config == loaded.config
    return build_inference(loaded)


@pytest.mark.parametrize(
    ("graph", "vertices", "degrees"),
    [
        ("kind: grid, side: 3", 9, {2, 3, 4}),
        ("kind: regular, vertices: 20, degree: 4, seed: 7", 20, {4}),
        ("kind: star, vertices: 20", 20, {1, 19}),
        ("kind: edges, edges: [[a, b], [b, c], [c, a]]", 3, {2}),
    ],
)
def test_graphs_by_their_kind(tmp_path: Path, graph: str, vertices: int, degrees: set[int]) -> None:
    sheaf = job(tmp_path, graph).sheaf
    assert len(sheaf.vertices) == vertices
    assert {len(sheaf.graph.neighbours(vertex)) for vertex in sheaf.vertices} == degrees
    assert {sheaf.stalk_dim(vertex) for vertex in sheaf.vertices} == {2}


def test_random_graphs_follow_their_seed(tmp_path: Path) -> None:
    def edges(kind: str, seed: int) -> list[str]:
        described = f"vertices: 20, seed: {seed}, {kind}"
        return [edge.name for edge in job(tmp_path, described).sheaf.edges]

    for kind in ("kind: erdos-renyi, probability: 0.3", "kind: regular, degree: 4"):
        assert edges(kind, 0) == edges(kind, 0) != edges(kind, 1)


def test_a_pinned_grid_reaches_the_harmonic_extension(tmp_path: Path) -> None:
    corners = """
pins:
  - {vertex: v0_0, value: 0}
  - {vertex: v2_2, value: [4, 8]}
runtime: simulator
"""
    solution = job(tmp_path, "kind: grid, side: 3", corners).prepare(Observer()).execute()
    assert solution.cochain.batch == 1
    np.testing.assert_allclose(solution.cochain["v1_1"], [[2.0], [4.0]], atol=1e-7)


@pytest.mark.parametrize(
    ("graph", "more", "fault"),
    [
        ("kind: regular, vertices: 5, degree: 3", "", "sheaf: no such graph"),
        ("kind: torus", "", "sheaf.graph.kind|sheaf.graph: no choice 'torus'"),
        ("kind: star, vertices: 3", "data: {kind: inline, inputs: [[1]]}", "goes with a network"),
        ("kind: star, vertices: 3", "pins: [{vertex: v0, data: inputs}]", "there are no data"),
        ("kind: star, vertices: 3", "dtype: float32", "dtype: a constant sheaf"),
        ("kind: star, vertices: 3", "pins: [{vertex: v9, value: 1}]", "v9"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, graph: str, more: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        job(tmp_path, graph, more)
