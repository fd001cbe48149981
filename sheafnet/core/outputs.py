"""Output activations: restriction maps that are gradients of a convex potential."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, get_args

import numpy as np
import scipy

from sheafnet.core.arrays import Array
from sheafnet.core.maps import RestrictionMap
from sheafnet.errors import InputError, nearest

OutputForce = Literal["auto", "jacobian", "cross-entropy"]
"""What pulls the stalk under an output activation: the transposed Jacobian of the activation
times the residual, or the residual itself, which is the force of the cross-entropy. ``"auto"``
takes the latter where the labels are given, that is, where the head is held."""

NEWTON_STEPS = 60
"""Far more than are ever needed: a bound, so that NaN ends as well."""


@dataclass(frozen=True)
class OutputActivation(RestrictionMap):
    """An output activation φ, the gradient of a convex potential, and which force goes with it.

    With the force ``"cross-entropy"`` an edge z → a with φ at its tail has the energy of the
    Fenchel–Young loss of that potential, the cross-entropy less the entropy of the labels: it is
    0 where a = φ(z), and its force on z is φ(z) − a (Blondel, Martins & Niculae, "Learning with
    Fenchel–Young losses", 2020).

    Attributes
    ----------
    force
        Which.
    strength
        By which that loss and its force are multiplied; a squared residual is not.
    """

    force: OutputForce = "jacobian"
    strength: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 < self.strength < math.inf:
            raise InputError(f"output: strength is {self.strength}; it must be positive and finite")
        if self.force not in get_args(OutputForce):
            hint = nearest(self.force, get_args(OutputForce))
            raise InputError(f"no output force {self.force!r}{hint}")

    @property
    def has_loss(self) -> bool:
        """Whether the force is that of the cross-entropy."""
        return self.force == "cross-entropy"

    def codomain_dim(self, domain_dim: int) -> int:
        return domain_dim

    def facing(self, head_is_held: bool) -> RestrictionMap:
        if self.force != "auto":
            return self
        return replace(self, force="cross-entropy" if head_is_held else "jacobian")

    def pullback(self, x: Array, y: Array) -> Array:
        if not self.has_loss:
            return self.jacobian(x, y)
        return y if self.strength == 1.0 else self.strength * y

    def energy(self, x: Array, projection: Array, target: Array) -> float:
        if not self.has_loss:
            return super().energy(x, projection, target)
        return self.strength * self.loss(x, target)

    @property
    def prox_weight(self) -> float:  # type: ignore[override]
        # Newton's steps contract if no Hessian is more than twice another.
        return self.strength * self.jacobian_norm if self.has_loss else math.inf

    def prox(
        self, weight: Array, centre: Array, target: Array, current: Array, *, keep: bool
    ) -> Array:
        del current, keep  # the energy is strictly convex
        weight = weight / self.strength
        x = centre
        for _ in range(NEWTON_STEPS):
            p = self.apply(x)
            change = self.newton(weight, p, weight * (x - centre) + p - target)
            x = x - change
            if np.abs(change).max() <= np.finfo(x.dtype).eps * (1.0 + np.abs(x).max()):
                break
        return x

    @property
    @abc.abstractmethod
    def jacobian_norm(self) -> float:
        """Upper bound on ‖Dφ‖."""

    @abc.abstractmethod
    def jacobian(self, x: Array, y: Array) -> Array:
        """Return Dφ(x) y, which is symmetric."""

    @abc.abstractmethod
    def loss(self, x: Array, target: Array) -> float:
        """Return the Fenchel–Young loss, summed over samples; labels are cut off below 0."""

    @abc.abstractmethod
    def newton(self, weight: Array, p: Array, force: Array) -> Array:
        """Return (diag(weight) + Dφ)⁻¹ force where φ has the value ``p``."""


@dataclass(frozen=True)
class Sigmoid(OutputActivation):
    """z ↦ 1 / (1 + exp(−z)), elementwise."""

    is_elementwise = True
    jacobian_norm: ClassVar[float] = 0.25

    def apply(self, x: Array) -> Array:
        return np.asarray(scipy.special.expit(x))

    def jacobian(self, x: Array, y: Array) -> Array:
        p = scipy.special.expit(x)
        return np.asarray(y * p * (1.0 - p))

    def loss(self, x: Array, target: Array) -> float:
        y = np.clip(target, 0.0, 1.0)
        entropy = scipy.special.xlogy(y, y) + scipy.special.xlogy(1.0 - y, 1.0 - y)
        return float(np.sum(np.logaddexp(0.0, x) - target * x + entropy))

    def newton(self, weight: Array, p: Array, force: Array) -> Array:
        return np.asarray(force / (weight + p * (1.0 - p)))

    @property
    def curvature(self) -> float:
        if self.has_loss:
            return self.strength * self.jacobian_norm
        # max φ′² = 1/16 at 0 and max |φ″| = 1/(6√3).
        return float(1.0 / 16.0 + 1.0 / (6.0 * np.sqrt(3.0)))


@dataclass(frozen=True)
class Softmax(OutputActivation):
    """z ↦ exp(z) / Σ exp(z), over the coordinates of each sample."""

    jacobian_norm: ClassVar[float] = 0.5

    def apply(self, x: Array) -> Array:
        return np.asarray(scipy.special.softmax(x, axis=0))

    def jacobian(self, x: Array, y: Array) -> Array:
        p = scipy.special.softmax(x, axis=0)
        return np.asarray(p * (y - np.sum(p * y, axis=0)))

    def loss(self, x: Array, target: Array) -> float:
        y = np.maximum(target, 0.0)
        return float(
            np.sum(scipy.special.logsumexp(x, axis=0))
            + np.sum(scipy.special.xlogy(y, y) - target * x)
        )

    def newton(self, weight: Array, p: Array, force: Array) -> Array:
        # diag(weight + p) − ppᵀ, inverted by Sherman and Morrison's formula.
        scaled, tilt = force / (weight + p), p / (weight + p)
        denominator = np.sum(tilt * weight, axis=0)  # 1 − pᵀ tilt, without the cancellation
        return np.asarray(scaled + tilt * (np.sum(p * scaled, axis=0) / denominator))

    @property
    def curvature(self) -> float:
        if self.has_loss:
            return self.strength * self.jacobian_norm
        # J = diag(p) − ppᵀ has norm ≤ 1/2. The second derivative weighted by r is
        # Σ pᵢ (rᵢ − r̄)(eᵢ − p)(eᵢ − p)ᵀ, of norm ≤ max |rᵢ − r̄| · ‖J‖ ≤ 2 · 1/2.
        return 0.25 + 1.0
