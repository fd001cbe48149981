"""The explicit Euler loop in bare NumPy: one synchronous process with access to all stalks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise

import numpy as np
from scipy.special import expit

import sheafnet as sn
from sheafnet.core.arrays import Array


class Euler:
    """x ← x − dt ∇E for all stalks at once, the input pinned (Bosca & Ghrist 2026, α = 1).

    Written for speed: one array holds the stalks z of all layers and another the stalks a, only the
    products with the weights are computed layer by layer, all operations except an output
    activation are in place, and nothing is checked.

    Parameters
    ----------
    network
        The network.
    start
        The cochain at the start; its a0 is pinned.
    dt
        The Euler step, positive.
    """

    def __init__(self, network: sn.ReluNetwork, start: sn.Cochain, dt: float) -> None:
        widths = network.widths
        self._dt = dt
        self._output = OUTPUTS[network.output]
        self._z_rows = _rows(widths[1:])
        self._a_rows = _rows(widths[1:] if self._output else widths[1:-1])
        self._z = np.concatenate([start[f"z{n}"] for n in range(1, len(widths))])
        self._a = np.concatenate([start[f"a{n}"] for n, _ in enumerate(self._a_rows, 1)])
        self._hidden = sum(widths[1:-1])
        self._weights = network.weights[1:]
        self._biases = np.concatenate(network.biases[1:])[:, None]
        self._first = network.weights[0] @ start["a0"] + network.biases[0][:, None]

    def advance(self, rounds: int) -> None:
        """Compute ``rounds`` Euler steps."""
        z, a, dt, biases, output = self._z, self._a, self._dt, self._biases, self._output
        hidden, first = self._hidden, len(self._first)
        into, residual, gap = np.empty_like(z), np.empty_like(z), np.empty_like(a)
        pulled, gated = np.empty_like(z[:hidden]), np.empty_like(z[:hidden])
        positive = np.empty(pulled.shape, bool)
        inner_z, outer_z = z[:hidden], z[hidden:]
        inner_residual, outer_residual = residual[:hidden], residual[hidden:]
        inner_gap, outer_gap = gap[:hidden], gap[hidden:]
        into[:first] = self._first
        later = into[first:]
        layers = list(zip(self._weights, self._a_rows, self._z_rows[1:], strict=False))
        upward = [(W, a[below], into[above]) for W, below, above in layers]
        downward = [(W.T, residual[above], pulled[below]) for W, below, above in layers]
        for _ in range(rounds):
            for W, x, y in upward:
                np.matmul(W, x, y)
            later += biases
            np.subtract(into, z, residual)
            for W, x, y in downward:
                np.matmul(W, x, y)
            np.maximum(inner_z, 0.0, inner_gap)
            if output:
                outer_gap[:], pull = output(outer_z)
            gap -= a
            np.greater_equal(inner_z, 0.0, positive)
            np.multiply(inner_gap, positive, gated)
            inner_residual -= gated
            if output:
                outer_residual -= pull(outer_gap)
            inner_gap -= pulled
            gap *= dt
            a += gap
            residual *= dt
            z += residual

    def stalks(self) -> dict[str, Array]:
        """Return every stalk but the input."""
        return {f"z{n}": self._z[rows] for n, rows in enumerate(self._z_rows, 1)} | {
            f"a{n}": self._a[rows] for n, rows in enumerate(self._a_rows, 1)
        }


def _rows(widths: Sequence[int]) -> list[slice]:
    """Return the row slices of arrays with these heights, stacked in one array."""
    return [slice(*ends) for ends in pairwise(accumulate(widths, initial=0))]


Pull = Callable[[Array], Array]
"""The map y ↦ Dφ(z)ᵀ y for some z."""


def _sigmoid(z: Array) -> tuple[Array, Pull]:
    p = expit(z)
    return p, lambda r: r * p * (1.0 - p)


def _softmax(z: Array) -> tuple[Array, Pull]:
    p = np.exp(z - z.max(axis=0))
    p /= p.sum(axis=0)
    return p, lambda r: p * (r - (p * r).sum(axis=0))


OUTPUTS = {"identity": None, "sigmoid": _sigmoid, "softmax": _softmax}
