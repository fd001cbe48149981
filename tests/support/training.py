"""Small training problems that several tests share, and networks as flat vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

import sheafnet as sn
from sheafnet.core.arrays import Array
from sheafnet.dynamics.training.learning_rule import LearningRule

OPTIMISERS = [sn.Sgd(0.05, momentum=0.9), sn.Adam(0.02), sn.Kron(0.1, weight_decay=0.01)]


def problem(output: str, seed: int, widths: tuple[int, ...] = (3, 5, 4, 2)) -> tuple[Any, ...]:
    """Return a random network with nonzero biases, and six inputs with their targets."""
    rng = np.random.default_rng(seed)
    net = sn.ReluNetwork.random(widths, rng, output)
    biases = [0.3 * rng.standard_normal(len(b)) for b in net.biases]
    net = sn.ReluNetwork(net.weights, biases, output)
    x = rng.standard_normal((widths[0], 6))
    y = rng.standard_normal((widths[-1], 6))
    if output != "identity":
        y = np.eye(widths[-1])[:, rng.integers(0, widths[-1], 6)]
    return net, x, y


def step_of(net: sn.ReluNetwork, x: Array, y: Array, rule: LearningRule, **more: Any) -> Array:
    """Return the flat vector that one step of rate 1 subtracts from all weights and biases."""
    fit = sn.train(net, x, y, rule=rule, optimiser=sn.Sgd(1.0), rounds=rule.rounds_per_step, **more)
    return flat(net) - flat(fit.network)


def flat(net: sn.ReluNetwork) -> Array:
    return np.concatenate([part.ravel() for part in (*net.weights, *net.biases)])


def moved(net: sn.ReluNetwork, change: Array) -> sn.ReluNetwork:
    """Return the network with the flat vector ``change`` added to all weights and biases."""
    at, parts = flat(net) + change, []
    for part in (*net.weights, *net.biases):
        parts.append(at[: part.size].reshape(part.shape))
        at = at[part.size :]
    layers = len(net.weights)
    return sn.ReluNetwork(parts[:layers], parts[layers:], net.output)
