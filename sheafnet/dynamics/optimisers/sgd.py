"""Stochastic gradient descent, with or without momentum."""

from __future__ import annotations

from dataclasses import dataclass

from sheafnet.core.arrays import Array
from sheafnet.dynamics.optimisers.optimiser import FRESH, Direction, Optimiser, SavedState, gradient


@dataclass(frozen=True)
class Sgd(Optimiser):
    """Gradient descent with momentum: [W b] ← [W b] − rate v, with v ← momentum v + g.

    Here W a + b is the map, [W b] is W with the column b appended, and g is the gradient of a batch
    for [W b]. At the start v is 0 (Polyak's heavy ball, "Some methods of speeding up the
    convergence of iteration methods", 1964).

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
    momentum
        Momentum in [0, 1); 0 (default) for no momentum. Under a constant gradient, updates become
        1 / (1 − momentum) times as large as without momentum.

    Raises
    ------
    InputError
        If ``momentum``, ``rate``, ``warmup``, ``weight_decay`` or
        ``clip`` is out of its range, or if ``schedule`` is not one of the two names above.
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
