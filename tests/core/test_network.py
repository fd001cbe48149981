"""Networks: forward pass, construction, files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

import sheafnet as sn
from sheafnet.core.arrays import Array
from sheafnet.errors import (
    EmptyBatchError,
    FileError,
    InputError,
    NonFiniteError,
    ShapeError,
    UnknownNameError,
    WriteError,
)
from tests.support import golden
from tests.support.strategies import networks


def by_hand(network: sn.ReluNetwork, x: Array) -> Array:
    """Return the forward pass, layer by layer as in a textbook."""
    for W, b in zip(network.weights[:-1], network.biases[:-1], strict=True):
        x = np.where(W @ x + b[:, None] > 0, W @ x + b[:, None], 0.0)
    z = network.weights[-1] @ x + network.biases[-1][:, None]
    if network.output == "sigmoid":
        return 1.0 / (1.0 + np.exp(-z))
    return np.exp(z) / np.exp(z).sum(axis=0) if network.output == "softmax" else z


@pytest.mark.parametrize("name", golden.NAMES)
def test_forward_pass_is_the_authors(name: str) -> None:
    reference = golden.load(name)
    ours = reference.network.forward_cochain(reference.arrays["x"])
    theirs = reference.cochain("")
    for vertex in theirs:
        np.testing.assert_allclose(ours[vertex], theirs[vertex], rtol=0, atol=1e-12)


@given(networks())
def test_forward_pass_is_the_textbooks_and_leaves_no_residual(network: sn.ReluNetwork) -> None:
    x = np.random.default_rng(0).standard_normal((network.widths[0], 3))
    np.testing.assert_allclose(network.forward(x), by_hand(network, x), rtol=1e-9, atol=1e-12)
    cochain = network.forward_cochain(x)
    for edge in network.to_sheaf().edges:
        tail = edge.tail_map.apply(cochain[edge.tail])
        np.testing.assert_array_equal(tail, cochain[edge.head])


def test_random_networks_have_he_weights_and_repeat_with_their_seed() -> None:
    first, again = (sn.ReluNetwork.random([400, 300, 5], seed=3) for _ in range(2))
    assert first.weights[0].std() == pytest.approx(np.sqrt(2 / 400), rel=0.02)
    assert first.weights[1].mean() == pytest.approx(0.0, abs=0.01)
    assert not first.biases[0].any()
    for ours, theirs in zip(first.weights, again.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    other = sn.ReluNetwork.random([400, 300, 5], seed=4)
    assert not np.array_equal(other.weights[0], first.weights[0])


@given(networks())
def test_a_network_survives_its_file(
    tmp_path_factory: pytest.TempPathFactory, network: sn.ReluNetwork
) -> None:
    folder = tmp_path_factory.mktemp("network")
    network.save(folder / "network.npz")
    assert [path.name for path in folder.iterdir()] == ["network.npz"]
    loaded = sn.ReluNetwork.load(folder / "network.npz")
    assert loaded.output == network.output
    for ours, theirs in zip(loaded.layers, network.layers, strict=True):
        np.testing.assert_array_equal(ours.matrix, theirs.matrix)
        np.testing.assert_array_equal(ours.bias, theirs.bias)


def test_precisions_and_seeds_that_are_none_are_refused() -> None:
    with pytest.raises(InputError, match="cannot be of int64"):
        sn.ReluNetwork.random([2, 1], seed=0).astype(int)
    with pytest.raises(InputError, match="seed -1"):
        sn.ReluNetwork.random([2, 1], seed=-1)


def test_astype_changes_every_array() -> None:
    single = sn.ReluNetwork.random([2, 3, 1], seed=0).astype(np.float32)
    assert {array.dtype for array in (*single.weights, *single.biases)} == {np.dtype(np.float32)}
    assert single.forward(np.ones((2, 1))).dtype == np.float32
    assert single.to_sheaf().dtype == np.float32


@pytest.mark.parametrize(
    ("weights", "biases", "output", "error", "match"),
    [
        ([], [], "identity", InputError, "at least one weight matrix"),
        ([np.ones((2, 2))], [], "identity", ShapeError, "1 weight matrices but 0 biases"),
        ([np.ones((2, 2))], [np.ones(2)], "softmx", InputError, "did you mean 'softmax'"),
        ([np.ones((2, 2))], [np.ones(3)], "identity", ShapeError, r"b1: expected shape \(2\)"),
        ([np.ones(2)], [np.ones(2)], "identity", ShapeError, r"W1: expected shape \(any, any\)"),
        (
            [np.ones((3, 2)), np.ones((1, 4))],
            [np.ones(3), np.ones(1)],
            "identity",
            ShapeError,
            r"W2: expected shape \(1, 3\).*got \(1, 4\)",
        ),
        ([[[np.inf]]], [[0.0]], "identity", NonFiniteError, "W1: 1 value"),
        ([[["a"]]], [[0.0]], "identity", InputError, "W1: expected real numbers"),
        ([[[1j]]], [[0.0]], "identity", InputError, "W1: expected real numbers"),
    ],
)
def test_bad_networks_are_refused_by_array(
    weights: list[Array], biases: list[Array], output: str, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        sn.ReluNetwork(weights, biases, output)


@pytest.mark.parametrize("widths", [[3], [3, 0], []])
def test_bad_widths_are_refused(widths: list[int]) -> None:
    with pytest.raises(InputError, match="at least two layers"):
        sn.ReluNetwork.random(widths, seed=0)


@pytest.mark.parametrize(
    ("x", "error", "match"),
    [
        (np.ones((3, 1)), ShapeError, r"input x: expected shape \(2, any\), got \(3, 1\)"),
        (np.ones(2), ShapeError, r"one sample is a column: reshape it to \(2, 1\)"),
        (np.ones((2, 0)), EmptyBatchError, "input x: the batch is empty"),
        (np.full((2, 1), np.nan), NonFiniteError, "input x: 2 value"),
    ],
)
def test_bad_inputs_are_refused(x: Array, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        sn.ReluNetwork.random([2, 3, 1], seed=0).forward(x)


def test_bad_files_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "network.npz"
    with pytest.raises(FileError, match=r"network\.npz: no such file"):
        sn.ReluNetwork.load(path)
    sn.ReluNetwork.random([20, 30, 1], seed=0).save(path)
    whole = path.read_bytes()
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(FileError, match=r"network\.npz: damaged"):
            sn.ReluNetwork.load(path)
    np.save(tmp_path / "array.npy", np.ones(3))
    with pytest.raises(FileError, match=r"array\.npy: damaged, or not an"):
        sn.ReluNetwork.load(tmp_path / "array.npy")


def test_a_changed_byte_is_refused_or_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "network.npz"
    network = sn.ReluNetwork.random([3, 2], seed=0)
    network.save(path)
    whole = path.read_bytes()
    refused = 0
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        try:
            loaded = sn.ReluNetwork.load(path)
        except FileError:
            refused += 1
        else:
            np.testing.assert_array_equal(loaded.weights[0], network.weights[0])
    assert refused > len(whole) / 2


@pytest.mark.parametrize(
    ("arrays", "error", "match"),
    [
        ({"format_version": 2, "W1": [[1.0]]}, FileError, "format version 2; this is 1"),
        ({"W1": np.ones((1, 1)), "output": "identity"}, FileError, "no array b1"),
        (
            {k: np.ones((1, 1)) for k in ("W1", "b1", "W3", "b3")},
            FileError,
            "no array W2, b2, output",
        ),
        ({"x": np.ones(1)}, FileError, "no array W1, b1, output"),
        (
            {"W1": np.ones((1, 1)), "b1": np.ones(2), "output": "identity"},
            ShapeError,
            r"\.npz: b1: expected shape \(1\)",
        ),
        ({"W1": np.array([None])}, FileError, "damaged"),
    ],
)
def test_files_that_hold_no_network_are_refused(
    tmp_path: Path, arrays: dict[str, Array], error: type[Exception], match: str
) -> None:
    np.savez(tmp_path / "n.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(error, match=match):
        sn.ReluNetwork.load(tmp_path / "n.npz")


def test_saving_where_nothing_can_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="cannot be written"):
        sn.ReluNetwork.random([2, 1], seed=0).save(tmp_path / "missing" / "n.npz")


def test_cochains_save_load_and_refuse(tmp_path: Path) -> None:
    cochain = sn.Cochain({"file": np.ones((2, 3)), "v": np.zeros((1, 3))})
    cochain.save(tmp_path / "c.npz")
    loaded = sn.Cochain.load(tmp_path / "c.npz")
    assert list(loaded) == ["file", "v"]
    np.testing.assert_array_equal(loaded["file"], np.ones((2, 3)))
    assert repr(loaded) == "Cochain({file: 2, v: 1}, batch=3)"
    with pytest.raises(UnknownNameError, match="no vertex 'fil'; did you mean 'file'"):
        loaded["fil"]
    with pytest.raises(ShapeError, match="different batches"):
        cochain.replace({"v": np.zeros((1, 2))})
    with pytest.raises(ValueError, match="read-only"):
        loaded["v"][0, 0] = 1.0
    sheaf = sn.Sheaf({"v": 2}, [])
    with pytest.raises(UnknownNameError, match="no vertex 'file'"):
        cochain.require_on(sheaf)
    with pytest.raises(ShapeError, match=r"stalk 'v': expected shape \(2, batch\)"):
        sn.Cochain({"v": np.zeros((1, 3))}).require_on(sheaf)
