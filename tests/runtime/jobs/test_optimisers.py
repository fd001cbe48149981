"""Local optimisers: their formulas, schedules, bounds and settings."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import sheafnet as sn
from sheafnet.errors import InputError
from tests.support.training import problem


def test_weight_decay_schedules_and_clips_are_the_owners() -> None:
    net, x, y = problem("identity", 0)
    still = sn.train(
        net, x, net.forward(x), optimiser=sn.Sgd(0.5, weight_decay=0.1), rounds=1
    ).network
    np.testing.assert_allclose(still.weights[0], 0.95 * net.weights[0], rtol=1e-12)
    np.testing.assert_allclose(still.biases[0], net.biases[0], rtol=1e-12)
    slow = sn.Sgd(1.0, schedule="cosine", warmup=4)
    rates = [slow.rate_at(step, 12) for step in range(13)]
    assert rates[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert rates[8] == pytest.approx(0.5)
    assert rates[12] == 0.0
    clipped = sn.train(net, x, 1e3 * y, optimiser=sn.Sgd(1.0, clip=0.01), rounds=1)
    for layer, length in enumerate(clipped.history[-1].step_norm.values()):
        whole = np.hypot(np.linalg.norm(net.weights[layer]), np.linalg.norm(net.biases[layer]))
        assert length == pytest.approx(0.01 * whole, rel=1e-12)


def test_adam_and_momentum_follow_their_formulas() -> None:
    net = sn.ReluNetwork([[[2.0]]], [[0.0]])
    x, y = np.array([[1.0]]), np.array([[0.0]])
    weights = []
    for optimiser in (sn.Sgd(0.1, momentum=0.5), sn.Adam(0.1, beta1=0.5, beta2=0.75)):
        fit = sn.train(net, x, y, optimiser=optimiser, rounds=2)
        weights.append(fit.network.weights[0].item())
    # W and b have the same gradient g = 2 (W + b), and take the same steps.
    g1, w1 = 4.0, 2.0 - 0.4
    g2 = 2.0 * (w1 - 0.4)
    assert weights[0] == pytest.approx(w1 - 0.1 * (0.5 * g1 + g2), rel=1e-12)
    a1 = 2.0 - 0.1
    h2 = 2.0 * (a1 - 0.1)
    m, v = 0.25 * 4.0 + 0.5 * h2, 0.1875 * 16.0 + 0.25 * h2**2
    step = 0.1 * (m / 0.75) / (np.sqrt(v / 0.4375) + 1e-8)
    assert weights[1] == pytest.approx(a1 - step, rel=1e-9)


def test_kron_whitens_both_sides() -> None:
    rng = np.random.default_rng(0)
    direction = sn.Kron(1.0, damping=1e-12, momentum=0.0).direction()
    stalk, tension = rng.standard_normal((4, 50)), rng.standard_normal((3, 50))
    extended = np.concatenate([stalk, np.ones((1, 50))])
    A, G = extended @ extended.T / 50, tension @ tension.T / 50
    g = tension @ extended.T / 50
    expected = np.linalg.solve(G, g) @ np.linalg.inv(A)
    np.testing.assert_allclose(direction(stalk, tension), expected, rtol=1e-4)
    # The step is the same linear map in every basis of either side.
    M, N = rng.standard_normal((4, 4)), rng.standard_normal((3, 3))
    again = sn.Kron(1.0, damping=1e-12, momentum=0.0).direction()
    moved = again(M @ stalk, np.linalg.inv(N).T @ tension)
    np.testing.assert_allclose(moved[:, :-1] @ M, N @ expected[:, :-1], rtol=1e-3, atol=1e-4)


def test_single_precision_stays_single() -> None:
    net, x, y = problem("softmax", 0)
    single = net.astype("float32")
    fit = sn.train(single, x, y, rule=sn.Relax(), optimiser=sn.Kron(0.05), rounds=20)
    assert {W.dtype for W in fit.network.weights} == {np.dtype(np.float32)}
    double = sn.train(net, x, y, rule=sn.Relax(), optimiser=sn.Kron(0.05), rounds=20)
    assert fit.history[-1].train_loss == pytest.approx(double.history[-1].train_loss, rel=1e-2)


def test_a_layer_of_zeros_learns_with_a_bounded_step() -> None:
    net, x, y = problem("sigmoid", 0, (2, 8, 1))
    y = (x[:1] > 0.0).astype(float)
    blank = sn.ReluNetwork(
        [net.weights[0], 0.0 * net.weights[1]], [net.biases[0], 0.0 * net.biases[1]], "sigmoid"
    )
    fit = sn.train(blank, x, y, optimiser=sn.Kron(0.1), rounds=300)
    assert fit.history[-1].train_loss < 0.1 * fit.history[0].train_loss


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: sn.Adam(0.0), "adam: rate is 0.0"),
        (lambda: sn.Adam(0.1, beta1=1.0), "beta1 is 1.0"),
        (lambda: sn.Adam(0.1, epsilon=0.0), "epsilon is 0.0"),
        (lambda: sn.Sgd(0.1, momentum=1.0), "sgd: momentum is 1.0"),
        (lambda: sn.Sgd(0.1, weight_decay=-1.0), "weight_decay is -1.0"),
        (lambda: sn.Sgd(0.1, warmup=-1), "warmup is -1"),
        (lambda: sn.Sgd(0.1, schedule="cosin"), "did you mean 'cosine'"),  # type: ignore[arg-type]
        (lambda: sn.Kron(0.1, damping=0.0), "kron: damping is 0.0"),
        (lambda: sn.Kron(0.1, momentum=-0.5), "momentum is -0.5"),
        (lambda: sn.Kron(0.1, clip=0.0), "clip is 0.0"),
        (lambda: sn.Relax(0.0), "relax: strength is 0.0"),
        (lambda: sn.Relax(sweeps=0), "sweeps is 0"),
        (lambda: sn.Relax(sweeps=math.nan), "sweeps is nan"),  # type: ignore[arg-type]
        (lambda: sn.Relax(stalks=sn.Coboundary()), "Coboundary cannot move stalks"),
        (lambda: sn.Joint(stalks=sn.ActiveSet()), "ActiveSet cannot move stalks"),
        (lambda: sn.Joint(stalks=sn.Sor()), "cannot take turns"),
        (sn.Joint, "give dt, or a rule for the stalks"),
    ],
)
def test_settings_are_checked(make: Any, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        make()
