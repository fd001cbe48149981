"""Graphs and sheaves: construction, properties and the input that they refuse."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import sheafnet as sn
from sheafnet.core.arrays import Array
from sheafnet.core.graph import Graph
from sheafnet.errors import InputError, ShapeError, SheafError, UnknownNameError

SAME = sn.Identity()


def test_a_network_is_a_path_with_the_names_of_the_paper() -> None:
    sheaf = sn.ReluNetwork.random([2, 5, 4, 3], seed=0, output="softmax").to_sheaf()
    assert sheaf.vertices == ("a0", "z1", "a1", "z2", "a2", "z3", "a3")
    assert [(e.name, e.tail, e.head) for e in sheaf.edges] == [
        ("weight_1", "a0", "z1"),
        ("activation_1", "z1", "a1"),
        ("weight_2", "a1", "z2"),
        ("activation_2", "z2", "a2"),
        ("weight_3", "a2", "z3"),
        ("output", "z3", "a3"),
    ]
    assert [sheaf.stalk_dim(v) for v in sheaf.vertices] == [2, 5, 5, 4, 4, 3, 3]
    assert sheaf.graph.neighbours("a1") == ("z1", "z2")


def test_an_identity_output_ends_at_the_last_z() -> None:
    sheaf = sn.ReluNetwork.random([2, 5, 1], seed=0).to_sheaf()
    assert sheaf.vertices == ("a0", "z1", "a1", "z2")
    assert sheaf.edge("weight_2").head == "z2"


def test_incidences_know_the_own_map_and_the_neighbours_name_only() -> None:
    sheaf = sn.ReluNetwork.random([2, 5, 1], seed=0).to_sheaf()
    into, out = sheaf.incidences("a1")
    assert (into.edge, into.neighbour, into.is_tail) == ("activation_1", "z1", False)
    assert (out.edge, out.neighbour, out.is_tail) == ("weight_2", "z2", True)
    assert isinstance(into.map, sn.Identity)
    assert isinstance(out.map, sn.Affine)


def test_colouring_has_two_colours_on_a_grid_and_no_neighbours_alike_on_any_graph() -> None:
    rng = np.random.default_rng(0)
    side = 4
    grid = {
        f"{i}{j}{axis}": (f"v{i}{j}", f"v{i + (axis == 'd')}{j + (axis == 'r')}")
        for i in range(side)
        for j in range(side)
        for axis in "dr"
        if (i < side - 1 if axis == "d" else j < side - 1)
    }
    names = [f"v{i}{j}" for i in range(side) for j in range(side)]
    assert set(Graph(names, grid).colouring().values()) == {0, 1}
    for _ in range(20):
        pairs = {tuple(sorted(rng.choice(16, 2, replace=False))) for _ in range(40)}
        edges = {f"e{n}": (names[u], names[v]) for n, (u, v) in enumerate(sorted(pairs))}
        colours = Graph(names, edges).colouring()
        assert all(colours[u] != colours[v] for u, v in edges.values())


def test_parallel_edges_are_allowed() -> None:
    edges = [sn.Edge(name, "u", "v", SAME, SAME) for name in ("e", "f")]
    sheaf = sn.Sheaf({"u": 1, "v": 1}, edges)
    assert sheaf.graph.neighbours("u") == ("v",)
    assert len(sheaf.incidences("u")) == 2


@pytest.mark.parametrize(
    ("stalks", "edges", "error", "match"),
    [
        ({}, [], SheafError, "at least one vertex"),
        ({"u": 0}, [], SheafError, "'u': dimension 0"),
        ({"u": 1}, [sn.Edge("e", "u", "u", SAME, SAME)], SheafError, "'e' is a loop at 'u'"),
        (
            {"u": 1, "v": 1},
            [sn.Edge("e", "u", "v", SAME, SAME)] * 2,
            SheafError,
            "edge names occur twice: e",
        ),
        (
            {"vertex": 1, "v": 1},
            [sn.Edge("e", "vertx", "v", SAME, SAME)],
            UnknownNameError,
            "edge 'e': no vertex 'vertx'; did you mean 'vertex'",
        ),
        (
            {"u": 1, "v": 2},
            [sn.Edge("e", "u", "v", SAME, SAME)],
            SheafError,
            "dimension 1 from 'u' and 2 from 'v'",
        ),
        (
            {"u": 3, "v": 2},
            [sn.Edge("e", "u", "v", sn.Linear(np.ones((2, 2))), SAME)],
            ShapeError,
            r"edge 'e' at 'u': F: expected shape \(2, 3\)",
        ),
    ],
)
def test_what_is_no_sheaf_is_refused_by_name(
    stalks: dict[str, int], edges: list[sn.Edge], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        sn.Sheaf(stalks, edges)


class Wrong(sn.RestrictionMap):
    """A restriction map that breaks the contract of its class."""

    def __init__(self, breach: str) -> None:
        self.breach = breach

    def codomain_dim(self, domain_dim: int) -> int:
        return domain_dim

    def apply(self, x: Array) -> Array:
        return x[:1] if self.breach == "apply" else x

    def pullback(self, x: Array, y: Array) -> Array:
        return np.ones((7, x.shape[1])) if self.breach == "pullback" else y

    @property
    def curvature(self) -> float:
        return float("nan") if self.breach == "curvature" else 1.0


@pytest.mark.parametrize(
    ("breach", "match"),
    [
        ("apply", r"edge 'e' at 'u': apply of Wrong gives ndarray of shape \(1, 3\), expected"),
        ("pullback", r"edge 'e' at 'u': pullback of Wrong gives ndarray of shape \(7, 3\)"),
        ("curvature", "the curvature bound at 'u' is nan"),
    ],
)
def test_maps_that_break_their_promise_are_named(breach: str, match: str) -> None:
    edge = sn.Edge("e", "u", "v", Wrong(breach), SAME)
    with pytest.raises(InputError, match=match):
        sn.infer(sn.Sheaf({"u": 2, "v": 2}, [edge]), [sn.Pin("v", np.ones((2, 3)))])


def test_a_matrix_is_no_map_and_the_error_says_what_is() -> None:
    with pytest.raises(SheafError, match=r"ndarray is no restriction map; a matrix F is sheafnet"):
        sn.Sheaf({"u": 1, "v": 1}, [sn.Edge("e", "u", "v", np.eye(1), SAME)])  # type: ignore[arg-type]


def test_sheaves_and_networks_can_be_pickled_and_copied() -> None:
    network = sn.ReluNetwork.random([2, 3, 1], seed=0)
    x = np.ones((2, 1))
    for copied in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        np.testing.assert_array_equal(copied.forward(x), network.forward(x))


def test_graph_refuses_names_that_are_none() -> None:
    for name in ("", (0, 0)):
        with pytest.raises(SheafError, match="is no name of a vertex"):
            sn.Sheaf({name: 1}, [])  # type: ignore[dict-item]


def test_graph_refuses_a_vertex_named_twice() -> None:
    with pytest.raises(SheafError, match="vertex names occur twice: u"):
        Graph(["u", "v", "u"], {})


def test_unknown_names_are_refused_with_the_nearest() -> None:
    sheaf = sn.ReluNetwork.random([2, 5, 1], seed=0).to_sheaf()
    with pytest.raises(UnknownNameError, match="no edge 'weight_3'; did you mean 'weight_"):
        sheaf.edge("weight_3")
    with pytest.raises(UnknownNameError, match="no vertex 'z9'; did you mean"):
        sheaf.stalk_dim("z9")
    with pytest.raises(UnknownNameError, match="no vertex 'z9'"):
        sheaf.graph.incident("z9")


def test_precision_is_float32_only_if_every_map_is() -> None:
    single, double = (sn.Linear(np.ones((1, 1), t)) for t in (np.float32, np.float64))
    stalks = {"u": 1, "v": 1}
    assert sn.Sheaf(stalks, [sn.Edge("e", "u", "v", single, SAME)]).dtype == np.float32
    assert sn.Sheaf(stalks, [sn.Edge("e", "u", "v", single, double)]).dtype == np.float64
    assert sn.Sheaf(stalks, [sn.Edge("e", "u", "v", SAME, SAME)]).dtype == np.float64
