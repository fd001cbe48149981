"""A natural gradient for one map, from the stalk and the tension of its own edge."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy

from sheafnet.core.arrays import Array
from sheafnet.dynamics.optimisers.optimiser import FRESH, Direction, Moments, Optimiser, SavedState

LARGEST_DECAY = 0.95


@dataclass(frozen=True)
class Kron(Optimiser):
    """The gradient, preconditioned by a Kronecker product of two second moments.

    With ā = [a; 1] and the tension t of each sample, A and G are moving averages of ā āᵀ/B and
    t tᵀ/B, over all steps at first and with the factor 0.95 later. The direction is
    (G + √λ/π I)⁻¹ g (A + √λ π I)⁻¹ with π² = (tr A / dim A) / (tr G / dim G), which shares the
    damping λ out between the two (Martens & Grosse, "Optimizing neural networks with
    Kronecker-factored approximate curvature", 2015), averaged with ``momentum``. Both moments are
    of the map's own edge, so nothing travels for it.

    Attributes
    ----------
    damping
        λ, positive.
    momentum
        In [0, 1): m ← momentum m + (1 − momentum) U is the direction.
    """

    damping: float = 1e-4
    momentum: float = 0.9
    clip: float | None = 0.05

    def checks(self) -> dict[str, bool]:
        damping = f"damping is {self.damping}; it must be positive and finite"
        momentum = f"momentum is {self.momentum}; it must be in [0, 1)"
        return {
            **super().checks(),
            damping: 0.0 < self.damping < math.inf,
            momentum: 0.0 <= self.momentum < 1.0,
        }

    def direction(self, saved: SavedState = FRESH) -> Direction:
        return _KronMoments(self, saved)


class _KronMoments(Moments):
    def __init__(self, settings: Kron, saved: SavedState) -> None:
        super().__init__(saved)
        self._settings = settings

    def __call__(self, stalk: Array, tension: Array) -> Array:
        batch = stalk.shape[1]
        extended = np.concatenate([stalk, np.ones((1, batch), stalk.dtype)])
        g = tension @ extended.T / batch
        A = extended @ extended.T / batch
        G = tension @ tension.T / batch
        self._steps += 1
        if not self._arrays:
            self._arrays = {"stalks": A, "tensions": G, "mean": np.zeros_like(g)}
        stalks, tensions = self._arrays["stalks"], self._arrays["tensions"]
        decay = min(1.0 - 1.0 / self._steps, LARGEST_DECAY)
        stalks += (1.0 - decay) * (A - stalks)
        tensions += (1.0 - decay) * (G - tensions)
        mean, momentum = self._arrays["mean"], self._settings.momentum
        mean *= momentum
        try:
            mean += (1.0 - momentum) * self._preconditioned(g, stalks, tensions)
        except np.linalg.LinAlgError:  # something is not finite: the owner's to report
            mean[:] = np.nan
        return mean.copy()

    def _preconditioned(self, g: Array, A: Array, G: Array) -> Array:
        root = math.sqrt(self._settings.damping)
        tension = float(np.trace(G)) / len(G)
        # Without any tension there is nothing to balance, and no gradient either.
        share = math.sqrt(float(np.trace(A)) / len(A) / tension) if tension > 0.0 else 1.0
        return _solve(A, root * share, _solve(G, root / share, g).T).T


def _solve(moment: Array, damping: float, right: Array) -> Array:
    """Return (moment + damping I)⁻¹ right."""
    damped = moment + damping * np.eye(len(moment), dtype=moment.dtype)
    factor = scipy.linalg.cho_factor(damped, overwrite_a=True, check_finite=False)
    return np.asarray(scipy.linalg.cho_solve(factor, right, check_finite=False))
