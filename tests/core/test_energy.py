"""Residuals, discord, energy and gradient on whole cochains."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

import sheafnet as sn
from sheafnet.core.energy import (
    discord,
    energy,
    energy_by_sample,
    gradient,
    residuals,
    stationarity,
)
from sheafnet.core.pins import resolve_pins
from tests.support.strategies import networks, noise, seeds


def test_the_signs_and_means_of_a_case_done_by_hand() -> None:
    twice = sn.Linear([[2.0]])
    sheaf = sn.Sheaf({"u": 1, "v": 1}, [sn.Edge("e", "u", "v", twice, sn.Identity())])
    cochain = sn.Cochain({"u": [[1.0, 2.0]], "v": [[5.0, 3.0]]})
    r = residuals(sheaf, cochain)
    np.testing.assert_array_equal(r["e"], [[-3.0, 1.0]])  # tail minus head
    assert discord(r) == {"e": 5.0}  # (9 + 1) / 2
    assert energy(sheaf, cochain, {}) == 5.0  # half the sum
    forces = gradient(sheaf, cochain, {})
    np.testing.assert_array_equal(forces["u"], [[-6.0, 2.0]])
    np.testing.assert_array_equal(forces["v"], [[3.0, -1.0]])
    assert stationarity(sheaf, cochain, resolve_pins(sheaf, [sn.Pin("u", [[1.0, 2.0]])])) == {
        "u": 0.0,
        "v": 3.0,
    }


def test_the_energy_of_samples_by_themselves_is_that_of_runs_of_one_sample() -> None:
    sheaf = sn.ReluNetwork.random([3, 4, 2], seed=0, output="softmax").to_sheaf("cross-entropy")
    cochain = noise(sheaf, 5, seed=1)
    y = np.eye(2)[:, [0, 1, 1, 0, 1]]
    pins = [sn.Pin("a2", y), sn.Pin("a0", cochain["a0"][:2], [0, 2], 0.5), sn.Pin("z1", 0.0)]
    by_sample = energy_by_sample(sheaf, cochain, resolve_pins(sheaf, pins))
    for n, found in enumerate(by_sample):
        one = {v: x[:, [n]] for v, x in cochain.items()}
        alone = [
            sn.Pin("a2", y[:, [n]]),
            sn.Pin("a0", cochain["a0"][:2, [n]], [0, 2], 0.5),
            sn.Pin("z1", 0.0),
        ]
        assert found == energy(sheaf, one, resolve_pins(sheaf, alone))
    assert by_sample.shape == (5,)
    assert by_sample.sum() == pytest.approx(energy(sheaf, cochain, resolve_pins(sheaf, pins)))


@given(networks(), seeds)
def test_gradient_against_finite_differences(network: sn.ReluNetwork, seed: int) -> None:
    sheaf = network.to_sheaf()
    cochain = noise(sheaf, 2, seed)
    forces = gradient(sheaf, cochain, {})
    step = 1e-6
    direction = noise(sheaf, 2, seed + 1)
    # The direction must not cross a kink within the step.
    direction = direction.replace(
        {v: np.where(np.abs(cochain[v]) > 1e-4, direction[v], 0.0) for v in sheaf.vertices}
    )
    ahead, behind = (
        cochain.replace({v: cochain[v] + s * step * direction[v] for v in sheaf.vertices})
        for s in (1, -1)
    )
    slope = (energy(sheaf, ahead, {}) - energy(sheaf, behind, {})) / (2 * step)
    expected = sum(np.vdot(forces[v], direction[v]) for v in sheaf.vertices)
    assert slope == pytest.approx(expected, rel=1e-5, abs=1e-5)
