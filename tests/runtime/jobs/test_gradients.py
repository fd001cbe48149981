"""The step that each learning rule takes, compared with the gradient of the loss."""

from __future__ import annotations

import numpy as np
import pytest

import sheafnet as sn
from sheafnet.core.arrays import Array
from sheafnet.core.loss import assess
from tests.support.training import flat, moved, problem, step_of

OUTPUTS = ["identity", "sigmoid", "softmax"]


def numerical_gradient(net: sn.ReluNetwork, x: Array, y: Array) -> Array:
    width, slopes = 1e-5, []
    for change in width * np.eye(len(flat(net))):
        ahead, behind = (assess(moved(net, by), x, y).loss for by in (change, -change))
        slopes.append((ahead - behind) / (2.0 * width))
    return np.array(slopes)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("seed", range(4))
def test_nudged_takes_the_gradient_of_the_loss(output: str, seed: int) -> None:
    net, x, y = problem(output, seed)
    step = step_of(net, x, y, sn.Nudged())
    np.testing.assert_allclose(step, numerical_gradient(net, x, y), rtol=0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("output", OUTPUTS)
def test_relax_settled_is_off_by_a_multiple_of_its_strength(output: str) -> None:
    net, x, y = problem(output, 1, (3, 6, 2))
    gradient = step_of(net, x, y, sn.Nudged())
    strengths = np.array([1e-4, 1e-5, 1e-6])
    errors = []
    for strength in strengths:
        sweeps = settled_after(net, x, y, strength)
        step = step_of(net, x, y, sn.Relax(strength, sweeps=sweeps))
        errors.append(np.linalg.norm(step - gradient) / np.linalg.norm(gradient))
    slope = np.polyfit(np.log(strengths), np.log(errors), 1)[0]
    assert slope == pytest.approx(1.0, abs=0.05)
    assert errors[-1] <= 1e-4


def settled_after(net: sn.ReluNetwork, x: Array, y: Array, strength: float) -> int:
    """Return a number of sweeps after which the stalks have settled.

    The number is doubled until the step, which is divided by ``strength``, changes by at most
    1e-12 / ``strength``.
    """
    before, sweeps = step_of(net, x, y, sn.Relax(strength, sweeps=50)), 100
    while True:
        now = step_of(net, x, y, sn.Relax(strength, sweeps=sweeps))
        if np.abs(now - before).max() <= 1e-12 / strength:
            return sweeps
        before, sweeps = now, 2 * sweeps
        assert sweeps < 10_000


def test_one_sweep_of_relax_is_backpropagation_in_a_local_metric() -> None:
    net, x, y = problem("identity", 3)
    strength = 1e-7
    forward = net.forward_cochain(x)
    tension = 2.0 / y.shape[0] * (forward["z3"] - y)
    expected = []
    for layer in (3, 2, 1):
        W = net.weights[layer - 1]
        if layer < 3:
            pulled = net.weights[layer].T @ tension
            tension = 0.5 * (forward[f"z{layer}"] >= 0.0) * pulled
        if layer > 1:
            tension = np.linalg.solve(np.eye(len(W)) + W @ W.T, tension)
        expected.append(tension @ forward[f"a{layer - 1}"].T / x.shape[1])
    step = step_of(net, x, y, sn.Relax(strength))
    sizes = np.cumsum([W.size for W in net.weights])[:-1]
    for W, own in zip(reversed(expected), np.split(step, sizes), strict=False):
        np.testing.assert_allclose(own[: W.size], W.ravel(), rtol=0, atol=1e-5)


@pytest.mark.slow
def test_any_rule_that_relaxes_moves_the_stalks() -> None:
    net, x, y = problem("softmax", 0, (3, 6, 2))
    steps = [
        step_of(net, x, y, sn.Relax(1e-4, sweeps=1500, stalks=stalks))
        for stalks in (sn.Prox("keep"), sn.Heat(), sn.Sor(1.3))
    ]
    np.testing.assert_allclose(steps[1], steps[0], rtol=0, atol=1e-7)
    np.testing.assert_allclose(steps[2], steps[0], rtol=0, atol=1e-7)


def test_relax_leaves_discord_where_nudged_leaves_none() -> None:
    net, x, y = problem("identity", 0)
    fit = sn.train(net, x, y, rule=sn.Relax(0.1), optimiser=sn.Sgd(0.01), rounds=3)
    last = fit.history[-1]
    for edge, discord in last.discord.items():
        assert discord == pytest.approx(0.01 * last.tension[edge], rel=1e-9)
        assert discord > 0.0
