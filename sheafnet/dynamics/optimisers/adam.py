"""Adam, an optimiser with running means of the gradient and of its square."""

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
    """Adam: updates of about the learning rate in every entry, whatever the size of the gradient.

    The map is W a + b, and [W b] is W with the column b appended. Let g be the gradient of a batch
    for [W b]. Update n first sets m ← β₁ m + (1 − β₁) g and v ← β₂ v + (1 − β₂) g². Then it adds
    −rate · m̂ / (√v̂ + ε) to [W b], with m̂ = m/(1 − β₁ⁿ) and v̂ = v/(1 − β₂ⁿ). At the start m and v
    are 0 (Kingma & Ba, "Adam", 2015).

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
        Positive; None (default) for no bound.
    beta1
        Decay factor β₁ of the mean of gradients, in [0, 1); default 0.9.
    beta2
        Decay factor β₂ of the mean of squared gradients, in [0, 1); default 0.99.
    epsilon
        Constant ε; positive, default 1e-8. It bounds the update where the gradient is almost 0.

    Raises
    ------
    InputError
        If ``beta1``, ``beta2``, ``epsilon``, ``rate``, ``warmup``, ``weight_decay`` or
        ``clip`` is out of its range, or if ``schedule`` is not one of the two names above.
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
        # m̂ / (√v̂ + ε), with numerator and denominator multiplied by √(1 − β₂ⁿ).
        root = math.sqrt(1.0 - beta2**self._steps)
        scale = np.sqrt(squares, out=square)
        scale += self._settings.epsilon * root
        np.divide(mean, scale, out=g)
        g *= root / (1.0 - beta1**self._steps)
        return g
