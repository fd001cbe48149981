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

The stalks at the ends are z and a, and the residual is r = φ(z) − a. ``"jacobian"`` is the energy
½‖r‖²; its gradient in z is Dφ(z)ᵀ r. ``"cross-entropy"`` is the cross-entropy of the labels a;
its gradient in z is r. ``"auto"`` is the cross-entropy in a run that begins with every coordinate
of the head held by hard pins, and ½‖r‖² in every other run.
"""

NEWTON_STEPS = 60
"""Largest number of Newton steps.

For finite values far fewer steps are enough. The limit ends the iteration if a value is NaN,
because NaN never meets the tolerance.
"""


@dataclass(frozen=True)
class OutputActivation(RestrictionMap):
    """An output activation φ (the gradient of a convex potential), and the energy of its edge.

    Consider an edge with stalk z at its tail, stalk a at its head and φ as its tail map. With the
    force ``"cross-entropy"`` the energy of the edge is the Fenchel–Young loss of the potential:
    the cross-entropy minus the entropy of the labels a. The loss is 0 if a = φ(z), and its
    gradient in z is φ(z) − a (Blondel, Martins & Niculae, "Learning with Fenchel–Young losses",
    2020). Only the vertex at the tail descends this loss. If the head is not held, the vertex at
    the head descends ½‖φ(z) − a‖². The two vertices then do not descend the same energy.

    Parameters
    ----------
    force
        ``"jacobian"`` (default) selects the energy ½‖φ(z) − a‖², and ``"cross-entropy"`` the
        Fenchel–Young loss. With ``"auto"`` a run uses the Fenchel–Young loss if it begins with
        every coordinate of the head held by hard pins, and ½‖φ(z) − a‖² otherwise.
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
        """Whether ``force`` selects the cross-entropy (the Fenchel–Young loss) as the energy."""
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
        # With this weight or a larger weight, the Hessian at any point is at most twice the Hessian
        # at any other point. Therefore Newton's method converges.
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
        """Return Dφ(x) y, shape (dim, batch). Since Dφ is symmetric, this is also Dφ(x)ᵀ y.

        Parameters
        ----------
        x
            Stalk z of the tail, shape (dim, batch).
        y
            Vector that Dφ is applied to, shape (dim, batch).
        """

    @abc.abstractmethod
    def loss(self, x: Array, target: Array) -> float:
        """Return the Fenchel–Young loss for labels ``target``, summed over samples.

        The loss contains the entropy of the labels. In this term only, labels outside the domain of
        the entropy are clipped to it.

        Parameters
        ----------
        x
            Pre-activations z of the last layer, shape (dim, batch).
        target
            Labels as probabilities, shape (dim, batch).
        """

    @abc.abstractmethod
    def newton(self, weight: Array, p: Array, force: Array) -> Array:
        """Return (diag(weight) + Dφ(x))⁻¹ force, where x is a point with φ(x) = p.

        Parameters
        ----------
        weight
            Diagonal of the matrix that is added to Dφ, positive, shape (dim, 1).
        p
            Value of φ at the point of Dφ, shape (dim, batch).
        force
            Right-hand side of the linear system, shape (dim, batch).
        """


@dataclass(frozen=True)
class Sigmoid(OutputActivation):
    """The logistic sigmoid z ↦ 1 / (1 + exp(−z)), elementwise.

    Parameters
    ----------
    force
        Energy of an edge whose tail map is this map φ. Here z is the stalk of the tail, and a that
        of the head. ``"jacobian"`` (default) is ½‖φ(z) − a‖². ``"cross-entropy"`` is the binary
        cross-entropy of φ(z) with the labels a, minus the entropy of a, summed over coordinates; it
        is 0 where φ(z) = a. ``"auto"`` is the cross-entropy in a run that begins with every
        coordinate of the head held by hard pins, and ½‖φ(z) − a‖² otherwise.
    strength
        Factor of the cross-entropy, positive; 1.0 by default. The energy ½‖φ(z) − a‖² is not
        scaled.

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
        Energy of an edge whose tail map is this map φ. Here z is the stalk of the tail, and a that
        of the head. ``"jacobian"`` (default) is ½‖φ(z) − a‖². ``"cross-entropy"`` is the
        cross-entropy of φ(z) with the labels a, minus the entropy of a; it is 0 where φ(z) = a.
        ``"auto"`` is the cross-entropy in a run that begins with every coordinate of the head held
        by hard pins, and ½‖φ(z) − a‖² otherwise.
    strength
        Factor of the cross-entropy, positive; 1.0 by default. The energy ½‖φ(z) − a‖² is not
        scaled.

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
        # The matrix is diag(weight + p) − ppᵀ. Its inverse is from the Sherman–Morrison formula.
        scaled, tilt = force / (weight + p), p / (weight + p)
        denominator = np.sum(tilt * weight, axis=0)  # This is 1 − pᵀ tilt, without cancellation.
        return np.asarray(scaled + tilt * (np.sum(p * scaled, axis=0) / denominator))

    @property
    def curvature(self) -> float:
        if self.has_loss:
            return self.strength * self.jacobian_norm
        # J = diag(p) − ppᵀ has norm ≤ 1/2. The second derivative weighted by r is
        # Σ pᵢ (rᵢ − r̄)(eᵢ − p)(eᵢ − p)ᵀ, of norm ≤ max |rᵢ − r̄| · ‖J‖ ≤ 2 · 1/2.
        return 0.25 + 1.0
