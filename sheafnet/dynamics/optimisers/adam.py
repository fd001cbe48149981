"""Adam, for one map by itself."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sheafnet.core.arrays import Array
from sheafnet.dynamics.optimisers.optimiser import (
    FRESH,
    Direction,
    Moments,
    Optimiser,
    SavedState,
    gradient,
)


@dataclass(frozen=True)
class Adam(Optimiser):
    """Steps of about the rate in every entry, whatever the size of the gradient.

    m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², and a step of rate · m̂ / (√v̂ + ε) with both
    divided by 1 − βⁿ after n steps (Kingma & Ba, "Adam", 2015).

    Attributes
    ----------
    beta1, beta2
        In [0, 1).
    epsilon
        Positive.
    """

    beta1: float = 0.9
    beta2: float = 0.99
    epsilon: float = 1e-8

    def checks(self) -> dict[str, bool]:
        betas = {
            f"{name} is {value}; it must be in [0, 1)": 0.0 <= value < 1.0
            for name, value in (("beta1", self.beta1), ("beta2", self.beta2))
        }
        rule = f"epsilon is {self.epsilon}; it must be positive"
        return {**super().checks(), **betas, rule: self.epsilon > 0.0}

    def direction(self, saved: SavedState = FRESH) -> Direction:
        return _AdamMoments(self, saved)


class _AdamMoments(Moments):
    def __init__(self, settings: Adam, saved: SavedState) -> None:
        super().__init__(saved)
        self._settings = settings

    def __call__(self, stalk: Array, tension: Array) -> Array:
        g = gradient(stalk, tension)
        if not self._arrays:
            self._arrays = {"mean": np.zeros_like(g), "square": np.zeros_like(g)}
        mean, squares, square = self._arrays["mean"], self._arrays["square"], g * g
        beta1, beta2 = self._settings.beta1, self._settings.beta2
        self._steps += 1
        mean *= beta1
        g *= 1.0 - beta1
        mean += g
        squares *= beta2
        square *= 1.0 - beta2
        squares += square
        # m̂ / (√v̂ + ε), with the square root of the correction taken out of both.
        root = math.sqrt(1.0 - beta2**self._steps)
        scale = np.sqrt(squares, out=square)
        scale += self._settings.epsilon * root
        np.divide(mean, scale, out=g)
        g *= root / (1.0 - beta1**self._steps)
        return g
