"""Restriction maps: from a vertex stalk into an edge stalk.

A map offers its value, the transpose of its derivative and a bound on its curvature;
nothing else in the engine asks what kind of map it is.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, softmax

from sheafnet.core.arrays import Array, checked
from sheafnet.errors import ShapeError


class RestrictionMap(abc.ABC):
    """A map F from a vertex stalk into an edge stalk, applied to each sample.

    What a map returns is passed on without a copy and made read-only: it is to be a new array,
    or the argument itself.
    """

    @abc.abstractmethod
    def codomain_dim(self, domain_dim: int) -> int:
        """Return the dimension of the edge stalk for a vertex stalk of ``domain_dim``.

        Raises
        ------
        ShapeError
            If the map cannot act on a stalk of that dimension.
        """

    @abc.abstractmethod
    def apply(self, x: Array) -> Array:
        """Return F(x), shape (edge dim, batch), for ``x`` of shape (vertex dim, batch)."""

    @abc.abstractmethod
    def pullback(self, x: Array, y: Array) -> Array:
        """Return DF(x)ᵀ y, shape (vertex dim, batch), for ``y`` of shape (edge dim, batch).

        Either ``y`` itself or a new array.
        """

    @property
    @abc.abstractmethod
    def curvature(self) -> float:
        """Upper bound on the curvature in x of ½‖F(x) − t‖².

        That is ‖DF‖² plus, where F bends, the second derivative weighted by the residual;
        there the bound holds while no coordinate of F(x) − t exceeds 1. It holds within one
        activation pattern: a gate has a kink at 0, whose curvature nothing bounds.
        """

    @property
    def dtype(self) -> np.dtype[np.floating] | None:
        """Precision of the map's own numbers; None if it has none."""
        return None


@dataclass(frozen=True)
class Identity(RestrictionMap):
    """x ↦ x."""

    def codomain_dim(self, domain_dim: int) -> int:
        return domain_dim

    def apply(self, x: Array) -> Array:
        return x

    def pullback(self, x: Array, y: Array) -> Array:  # noqa: ARG002
        return y

    @property
    def curvature(self) -> float:
        return 1.0


@dataclass(frozen=True)
class ReluGate(RestrictionMap):
    """z ↦ R(z) z with R(z) = diag(z ≥ 0) (Bosca & Ghrist 2026, the activation edge)."""

    def codomain_dim(self, domain_dim: int) -> int:
        return domain_dim

    def apply(self, x: Array) -> Array:
        return np.maximum(x, 0.0)

    def pullback(self, x: Array, y: Array) -> Array:
        return np.multiply(y, x >= 0.0)

    @property
    def curvature(self) -> float:
        return 1.0


@dataclass(frozen=True)
class Sigmoid(RestrictionMap):
    """z ↦ 1 / (1 + exp(−z)), elementwise."""

    def codomain_dim(self, domain_dim: int) -> int:
        return domain_dim

    def apply(self, x: Array) -> Array:
        return np.asarray(expit(x))

    def pullback(self, x: Array, y: Array) -> Array:
        p = expit(x)
        return np.asarray(y * p * (1.0 - p))

    @property
    def curvature(self) -> float:
        # max φ′² = 1/16 at 0 and max |φ″| = 1/(6√3).
        return float(1.0 / 16.0 + 1.0 / (6.0 * np.sqrt(3.0)))


@dataclass(frozen=True)
class Softmax(RestrictionMap):
    """z ↦ exp(z) / Σ exp(z), over the coordinates of each sample."""

    def codomain_dim(self, domain_dim: int) -> int:
        return domain_dim

    def apply(self, x: Array) -> Array:
        return np.asarray(softmax(x, axis=0))

    def pullback(self, x: Array, y: Array) -> Array:
        p = softmax(x, axis=0)
        return np.asarray(p * (y - np.sum(p * y, axis=0)))

    @property
    def curvature(self) -> float:
        # J = diag(p) − ppᵀ has norm ≤ 1/2. The second derivative weighted by r is
        # Σ pᵢ (rᵢ − r̄)(eᵢ − p)(eᵢ − p)ᵀ, of norm ≤ max |rᵢ − r̄| · ‖J‖ ≤ 2 · 1/2.
        return 0.25 + 1.0


class Linear(RestrictionMap):
    """x ↦ F x.

    Parameters
    ----------
    F
        Matrix, shape (edge dim, vertex dim).
    """

    def __init__(self, F: ArrayLike, *, name: str = "F") -> None:
        self.name = name
        self.matrix = checked(name, F, (None, None))
        self._transpose = self.matrix.T

    def codomain_dim(self, domain_dim: int) -> int:
        rows: int = self.matrix.shape[0]
        if self.matrix.shape[1] != domain_dim:
            raise ShapeError(
                f"{self.name}: expected shape ({rows}, {domain_dim}) for a vertex stalk of "
                f"dimension {domain_dim}, got {self.matrix.shape}"
            )
        return rows

    def apply(self, x: Array) -> Array:
        return self.matrix @ x

    def pullback(self, x: Array, y: Array) -> Array:  # noqa: ARG002
        return self._transpose @ y

    @cached_property
    def curvature(self) -> float:
        return squared_norm_bound(self.matrix)

    @property
    def dtype(self) -> np.dtype[np.floating] | None:
        return self.matrix.dtype


class Affine(Linear):
    """x ↦ W x + b.

    Parameters
    ----------
    W
        Weights, shape (n_out, n_in).
    b
        Bias, shape (n_out,).
    """

    def __init__(self, W: ArrayLike, b: ArrayLike, *, names: tuple[str, str] = ("W", "b")) -> None:
        super().__init__(W, name=names[0])
        self.bias = checked(names[1], b, (self.matrix.shape[0],))
        self._bias_column = self.bias[:, None]

    def apply(self, x: Array) -> Array:
        value = self.matrix @ x
        value += self._bias_column
        return value


def squared_norm_bound(F: Array) -> float:
    """Return an upper bound on ‖F‖₂², tight to rounding.

    The largest eigenvalue of the smaller Gram matrix, capped by ‖F‖₁ ‖F‖∞ and enlarged by
    what rounding can have taken off either.
    """
    rows, columns = F.shape
    if F.size == 0 or not F.any():
        return 0.0
    size = float(np.abs(F).max())
    wide = F.astype(np.float64) / size  # so that squares of large entries do not overflow
    gram = wide @ wide.T if rows <= columns else wide.T @ wide
    rounding: float = 4.0 * (rows + columns) * float(np.finfo(np.float64).eps)
    largest = float(np.linalg.eigvalsh(gram)[-1])
    entries = np.abs(wide)
    cap = float(entries.sum(axis=0).max()) * float(entries.sum(axis=1).max())
    return min(largest, cap) * (1.0 + rounding) * size * size
