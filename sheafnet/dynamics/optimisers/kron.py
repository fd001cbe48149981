"""Kron, a natural gradient for one map, computed from the tail's stalk and the edge's tension."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy

from sheafnet.core.arrays import Array
from sheafnet.dynamics.optimisers.optimiser import FRESH, Direction, Moments, Optimiser, SavedState

LARGEST_DECAY = 0.95
"""Largest weight of the old average in the moving averages of the second moments."""


@dataclass(frozen=True)
class Kron(Optimiser):
    """A natural gradient: the gradient preconditioned by a Kronecker product of two second moments.

    The map is W a + b, with n_in columns and n_out rows in W, and [W b] is W with the column b
    appended. Let a be the stalk at the tail, ā = [a; 1], and t the tension of the edge. All have
    one column for each of the B samples of a batch. A and G are moving averages of ā āᵀ/B and
    t tᵀ/B. In update n the old average has the weight min(1 − 1/n, 0.95). The preconditioned
    gradient is

    U = (G + √λ/π I)⁻¹ g (A + √λ π I)⁻¹ with g = t āᵀ/B and π² = (tr A / dim A) / (tr G / dim G).

    The number π divides the damping λ between the two factors (Martens & Grosse, "Optimizing neural
    networks with Kronecker-factored approximate curvature", 2015). The update sets
    m ← μ m + (1 − μ) U, with the momentum μ, and adds −rate · m to [W b]. At the start m is 0. The
    owner of the map has a and t, so that the two moments need no further message. An update costs
    O(n_in³ + n_out³) operations.

    Parameters
    ----------
    rate
        Learning rate in the first update after the warm-up; positive and finite.
    schedule
        ``"constant"`` (default) keeps the rate after the warm-up; ``"cosine"`` lowers it along half
        a cosine to 0 at the end of the training (Loshchilov & Hutter, "SGDR", 2017).
    warmup
        Number of updates at the start during which the rate rises linearly to ``rate``; 0 (default)
        for no warm-up.
    weight_decay
        Factor λ of the weight decay, 0 or more: every update also subtracts the present rate times
        λ W from W, and nothing from b. It is decoupled from the gradient (Loshchilov & Hutter,
        "Decoupled weight decay regularization", 2019). 0 (default) for no weight decay.
    clip
        Upper bound on the Frobenius norm of an update without the weight decay, as a multiple of
        ‖[W b]‖. If ‖[W b]‖ is below 0.1, then 0.1 is used, so that a map of zeros can be updated.
        Positive; None for no bound. Default 0.05.
    damping
        Damping λ, positive and finite; default 1e-4.
    momentum
        Momentum μ in [0, 1); default 0.9.

    Raises
    ------
    InputError
        If ``damping``, ``momentum``, ``rate``, ``warmup``, ``weight_decay`` or
        ``clip`` is out of its range, or if ``schedule`` is not one of the two names above.
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
        except np.linalg.LinAlgError:  # an entry is not finite; the vertex reports that
            mean[:] = np.nan
        return mean.copy()

    def _preconditioned(self, g: Array, A: Array, G: Array) -> Array:
        root = math.sqrt(self._settings.damping)
        tension = float(np.trace(G)) / len(G)
        # If all tensions are 0, the gradient is 0 too, and the share does not matter.
        share = math.sqrt(float(np.trace(A)) / len(A) / tension) if tension > 0.0 else 1.0
        return _solve(A, root * share, _solve(G, root / share, g).T).T


def _solve(moment: Array, damping: float, right: Array) -> Array:
    """Return (moment + damping I)⁻¹ right."""
    damped = moment + damping * np.eye(len(moment), dtype=moment.dtype)
    factor = scipy.linalg.cho_factor(damped, overwrite_a=True, check_finite=False)
    return np.asarray(scipy.linalg.cho_solve(factor, right, check_finite=False))
