"""Output activations: restriction maps that are the gradients of convex potentials."""

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
"""Name of the energy of an edge with an output activation φ at its tail.

``"jacobian"`` is ½‖r‖² with r = φ(z) − a, whose gradient in z is Dφᵀ r. ``"cross-entropy"`` is the
cross-entropy, whose gradient in z is r. ``"auto"`` is the latter in a run that begins with the
labels given, that is, with every coordinate of the head held, and the former otherwise.
"""

NEWTON_STEPS = 60
"""Largest number of Newton steps. Only NaN, which never meets the tolerance, comes near it."""


@dataclass(frozen=True)
class OutputActivation(RestrictionMap):
    """An output activation φ, which is the gradient of a convex potential, and its energy.

    With the force ``"cross-entropy"`` the energy of an edge z → a with φ at its tail is the
    Fenchel–Young loss of the potential: the cross-entropy minus the entropy of the labels a. It
    is 0 where a = φ(z), and its gradient in z is φ(z) − a (Blondel, Martins & Niculae, "Learning
    with Fenchel–Young losses", 2020). This concerns the tail only: a head that
    is not held descends ½‖φ(z) − a‖², and then no one energy governs both ends.

    Parameters
    ----------
    force
        ``"jacobian"`` (default) for the energy ½‖φ(z) − a‖², ``"cross-entropy"`` for the loss
        above, or ``"auto"``, which a run replaces by the latter if it begins with every coordinate
        of the head held, and by the former otherwise.
    strength
        Factor of the cross-entropy and of its gradient, positive; 1.0 by default. The energy
        ½‖φ(z) − a‖² is not scaled.

    Raises
    ------
    InputError
        If the name of the force is unknown, or the strength is not positive and finite.
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
        """Whether the energy of the edge is the cross-entropy."""
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
        # With this weight no Hessian exceeds twice another, and then Newton's steps contract.
        return self.strength * self.jacobian_norm if self.has_loss else math.inf

    def prox(
        self, weight: Array, centre: Array, target: Array, current: Array, *, keep: bool
    ) -> Array:
        del current, keep  # The energy is strictly convex and has one minimum.
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
        """Upper bound on ‖Dφ‖₂ over all z."""

    @abc.abstractmethod
    def jacobian(self, x: Array, y: Array) -> Array:
        """Return Dφ(x) y, shape (dim, batch); Dφ is symmetric."""

    @abc.abstractmethod
    def loss(self, x: Array, target: Array) -> float:
        """Return the Fenchel–Young loss for labels ``target``, summed over samples.

        In the entropy of the labels, values outside the domain of the entropy are clipped to it.

        Parameters
        ----------
        x
            Stalk of the last preactivation, shape (dim, batch).
        target
            Labels as probabilities, shape (dim, batch).
        """

    @abc.abstractmethod
    def newton(self, weight: Array, p: Array, force: Array) -> Array:
        """Return (diag(weight) + Dφ)⁻¹ force, with Dφ taken where φ has the value ``p``."""


@dataclass(frozen=True)
class Sigmoid(OutputActivation):
    """The logistic sigmoid z ↦ 1 / (1 + exp(−z)), elementwise.

    Parameters
    ----------
    force
        Energy of an edge z → a with this map φ at its tail. ``"jacobian"`` (default) is
        ½‖φ(z) − a‖². ``"cross-entropy"`` is the sum of the binary cross-entropies of the labels a
        minus their entropies. ``"auto"`` is the latter in a run that begins with every coordinate
        of the head held, and the former otherwise.
    strength
        Factor of the cross-entropy, positive; 1.0 by default. ½‖φ(z) − a‖² is not scaled.

    Raises
    ------
    InputError
        If the name of the force is unknown, or the strength is not positive and finite.
    """

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
        # The maximum of φ′² is 1/16, at 0, and the maximum of |φ″| is 1/(6√3).
        return float(1.0 / 16.0 + 1.0 / (6.0 * np.sqrt(3.0)))


@dataclass(frozen=True)
class Softmax(OutputActivation):
    """The softmax z ↦ exp(z) / Σ exp(z), over the coordinates of each sample.

    Parameters
    ----------
    force
        Energy of an edge z → a with this map φ at its tail. ``"jacobian"`` (default) is
        ½‖φ(z) − a‖². ``"cross-entropy"`` is the cross-entropy of the labels a minus their entropy.
        ``"auto"`` is the latter in a run that begins with every coordinate of the head held, and
        the former otherwise.
    strength
        Factor of the cross-entropy, positive; 1.0 by default. ½‖φ(z) − a‖² is not scaled.

    Raises
    ------
    InputError
        If the name of the force is unknown, or the strength is not positive and finite.
    """

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
        # The matrix is diag(weight + p) − ppᵀ; the Sherman–Morrison formula inverts it.
        scaled, tilt = force / (weight + p), p / (weight + p)
        denominator = np.sum(tilt * weight, axis=0)  # Equals 1 − pᵀ tilt without cancellation.
        return np.asarray(scaled + tilt * (np.sum(p * scaled, axis=0) / denominator))

    @property
    def curvature(self) -> float:
        if self.has_loss:
            return self.strength * self.jacobian_norm
        # J = diag(p) − ppᵀ has norm ≤ 1/2. The second derivative weighted by r is
        # Σ pᵢ (rᵢ − r̄)(eᵢ − p)(eᵢ − p)ᵀ, of norm ≤ max |rᵢ − r̄| · ‖J‖ ≤ 2 · 1/2.
        return 0.25 + 1.0
