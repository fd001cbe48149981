"""The theorems on coboundary, Laplacian, spectrum, cohomology and harmonic extension."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

import sheafnet as sn
from sheafnet.core.spectrum import relative_cohomology
from sheafnet.core.theorems import check_theorems
from sheafnet.errors import InputError, SolveError, UnknownNameError
from tests.support import golden
from tests.support.strategies import networks, noise, seeds


@pytest.mark.parametrize("name", golden.NAMES)
def test_spectra_are_the_authors(name: str) -> None:
    reference = golden.load(name)
    # The authors' spectrum does not contain the output edge.
    plain = sn.ReluNetwork(reference.network.weights, reference.network.biases).to_sheaf()
    ours = sn.spectrum(plain, reference.pins, reference.cochain(""))
    np.testing.assert_allclose(ours, reference.arrays["eigenvalues"], rtol=1e-9)


@given(networks(), seeds)
def test_theorems_hold_for_every_architecture_and_pattern(
    network: sn.ReluNetwork, seed: int
) -> None:
    sheaf = network.to_sheaf()
    anywhere = noise(
        sheaf, 1, seed
    )  # a random activation pattern, which need not be that of a forward pass
    pins = [sn.Pin("a0", anywhere["a0"])]
    delta = sn.coboundary(sheaf, anywhere, pinned=["a0"]).toarray()
    assert (np.diag(delta) == 1.0).all()
    assert not np.triu(delta, 1).any()
    assert np.linalg.det(delta) == pytest.approx(1.0, abs=1e-9)
    laplacian = sn.laplacian(sheaf, pins, anywhere).toarray()
    np.testing.assert_allclose(laplacian, delta.T @ delta, rtol=1e-12, atol=1e-12)
    np.linalg.cholesky(laplacian)  # raises unless positive definite
    assert relative_cohomology(sheaf, pins, anywhere) == (0, 0)


@given(networks(), seeds)
def test_harmonic_extension_is_the_forward_pass(network: sn.ReluNetwork, seed: int) -> None:
    x = np.random.default_rng(seed).standard_normal((network.widths[0], 2))
    sheaf, forward = network.to_sheaf(), network.forward_cochain(x)
    for start in (None, noise(sheaf, 2, seed)):
        harmonic = sn.harmonic_extension(sheaf, [sn.Pin("a0", x)], start)
        for vertex in sheaf.vertices:
            scale = 1.0 + np.abs(forward[vertex]).max()
            np.testing.assert_allclose(harmonic[vertex], forward[vertex], atol=1e-9 * scale)


def test_coboundary_is_minus_the_residual_up_to_the_affine_part() -> None:
    sheaf = sn.ReluNetwork.random([2, 3, 1], seed=0).to_sheaf()  # no biases: no affine part
    cochain = noise(sheaf, 2, 1)
    for sample in range(2):
        delta = sn.coboundary(sheaf, cochain, sample=sample)
        stacked = np.concatenate([cochain[v][:, sample] for v in sheaf.vertices])
        expected = [
            e.head_map.apply(cochain[e.head]) - e.tail_map.apply(cochain[e.tail])
            for e in sheaf.edges
        ]
        np.testing.assert_allclose(
            delta @ stacked, np.concatenate([r[:, sample] for r in expected]), atol=1e-14
        )


def test_cohomology_counts_what_pins_leave_open_and_what_they_overdetermine() -> None:
    same = sn.Identity()
    pair = sn.Sheaf({"u": 2, "v": 2}, [sn.Edge("e", "u", "v", same, same)])
    cochain = sn.Cochain({"u": np.zeros((2, 1)), "v": np.zeros((2, 1))})
    pins = [sn.Pin(v, cochain[v]) for v in ("u", "v")]
    assert relative_cohomology(pair, [], cochain) == (2, 0)
    assert relative_cohomology(pair, pins[:1], cochain) == (0, 0)
    assert relative_cohomology(pair, pins, cochain) == (0, 2)
    solved = sn.harmonic_extension(pair, pins)
    np.testing.assert_array_equal(solved["u"], cochain["u"])


def test_a_singular_problem_is_refused() -> None:
    sheaf = sn.ReluNetwork.random([3, 2], seed=0).to_sheaf()
    with pytest.raises(SolveError, match="singular to working precision: the pins do not"):
        sn.harmonic_extension(sheaf, [sn.Pin("z1", np.ones((2, 1)))])
    same = sn.Identity()
    pair = sn.Sheaf({"u": 1, "v": 1}, [sn.Edge("e", "u", "v", same, same)])
    with pytest.raises(SolveError, match="singular"):
        sn.harmonic_extension(pair, [])


def test_large_weights_are_not_taken_for_a_singular_matrix() -> None:
    steep = sn.ReluNetwork([[[1e7]], [[1e7]]], [[0.0], [0.0]])
    he = sn.ReluNetwork.random([8, 16, 16, 16, 16, 4], seed=0)
    large = sn.ReluNetwork([30.0 * W for W in he.weights], he.biases)
    for network in (steep, large):
        x = np.ones((network.widths[0], 1))
        solved = sn.harmonic_extension(network.to_sheaf(), [sn.Pin("a0", x)])
        np.testing.assert_allclose(solved[network.output_vertex], network.forward(x), rtol=1e-9)


def test_unknown_pinned_vertices_are_refused() -> None:
    sheaf = sn.ReluNetwork.random([2, 1], seed=0).to_sheaf()
    with pytest.raises(UnknownNameError, match="no vertex 'a00'"):
        sn.coboundary(sheaf, noise(sheaf, 1, 0), pinned=["a00"])


def test_a_pattern_that_does_not_settle_is_reported() -> None:
    network = sn.ReluNetwork.random([2, 6, 1], seed=0)
    x, y = np.ones((2, 1)), np.full((1, 1), -50.0)
    with pytest.raises(SolveError, match="sample 0: the activation pattern did not settle in 1 "):
        sn.harmonic_extension(network.to_sheaf(), [sn.Pin("a0", x), sn.Pin("z2", y)], max_solves=1)


@pytest.mark.parametrize("output", ["identity", "sigmoid", "softmax"])
def test_checks_find_that_the_theorems_hold(output: str) -> None:
    network = sn.ReluNetwork.random([3, 6, 5, 4], seed=0, output=output)
    findings = check_theorems(network, np.random.default_rng(0).standard_normal((3, 2)))
    assert len(findings) == 5
    assert all(finding.holds for finding in findings)


def test_checks_refuse_what_is_too_large_for_dense_algebra() -> None:
    with pytest.raises(InputError, match="4001 free coordinates"):
        check_theorems(sn.ReluNetwork([np.ones((4001, 1))], [np.ones(4001)]), np.ones((1, 1)))


@given(networks(outputs=("identity",)), seeds)
def test_the_bound_holds_wherever_it_is_given(network: sn.ReluNetwork, seed: int) -> None:
    sheaf = network.to_sheaf()
    x = np.random.default_rng(seed).standard_normal((network.widths[0], 3))
    forward = network.forward_cochain(x)
    off = noise(sheaf, 3, seed + 1)
    near = sn.Cochain(
        {v: forward[v] + (0.0 if v == "a0" else 1e-5) * off[v] for v in sheaf.vertices}
    )
    bounds = sn.error_bound(sheaf, [sn.Pin("a0", x)], near)
    apart = np.sqrt(sum(np.sum((near[v] - forward[v]) ** 2, axis=0) for v in sheaf.vertices))
    assert np.all(bounds >= apart * (1.0 - 1e-6))


def test_no_bound_is_given_on_a_kink_or_for_maps_that_bend() -> None:
    network = sn.ReluNetwork([[[1.0]], [[1.0]]], [[0.0], [0.0]])
    pins = [sn.Pin("a0", [[0.0, 1.0]])]
    bounds = sn.error_bound(network.to_sheaf(), pins, network.forward_cochain([[0.0, 1.0]]))
    assert bounds.tolist() == [np.inf, 0.0]
    bent = sn.ReluNetwork([[[1.0]]], [[0.0]], "sigmoid")
    found = sn.error_bound(bent.to_sheaf(), [sn.Pin("a0", [[1.0]])], bent.forward_cochain([[1.0]]))
    assert found.tolist() == [np.inf]
