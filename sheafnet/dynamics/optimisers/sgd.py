"""Gradient descent, with momentum if wanted."""

from __future__ import annotations

from dataclasses import dataclass

from sheafnet.core.arrays import Array
from sheafnet.dynamics.optimisers.optimiser import FRESH, Direction, Optimiser, SavedState, gradient


@dataclass(frozen=True)
class Sgd(Optimiser):
    """[W b] ← [W b] − rate v, with v ← momentum v + g (Polyak's heavy ball).

    Attributes
    ----------
    momentum
        In [0, 1). A steady gradient moves the map 1 / (1 − momentum) times as far.
    """

    momentum: float = 0.0

    def checks(self) -> dict[str, bool]:
        rule = f"momentum is {self.momentum}; it must be in [0, 1)"
        return {**super().checks(), rule: 0.0 <= self.momentum < 1.0}

    def direction(self, saved: SavedState = FRESH) -> Direction:
        return _Ball(self.momentum, saved)


class _Ball:
    def __init__(self, momentum: float, saved: SavedState) -> None:
        self._momentum = momentum
        velocity = saved.arrays.get("velocity")
        self._velocity = None if velocity is None else velocity.copy()

    def arrays(self) -> dict[str, Array]:
        return {} if self._velocity is None else {"velocity": self._velocity}

    def __call__(self, stalk: Array, tension: Array) -> Array:
        g = gradient(stalk, tension)
        if not self._momentum:
            return g
        if self._velocity is None:
            self._velocity = g
        else:
            self._velocity *= self._momentum
            self._velocity += g
        return self._velocity.copy()
