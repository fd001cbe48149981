"""Restriction maps: from a vertex stalk into an edge stalk.

A map offers its value, the transpose of its derivative and a bound on its curvature;
nothing else in the engine asks what kind of map it is.
"""

from __future__ import annotations

import abc
import math
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from sheafnet.core.arrays import Array, checked, frozen
from sheafnet.errors import ShapeError


class RestrictionMap(abc.ABC):
    """A map F from a vertex stalk into an edge stalk, applied to each sample.

    What a map returns is passed on without a copy and made read-only: it is to be a new array,
    or the argument itself.

    Attributes
    ----------
    is_elementwise
        Whether the map acts on each coordinate by itself.
    kink
        By how much the derivative jumps, from left to right, where a coordinate is 0. Unless it
        is 0 the map is elementwise, and ``pullback`` takes the derivative from the right.
    prox_is_exact
        Whether ``prox`` gives the minimiser to rounding, and not what some iterations reach.
    prox_weight
        Least weight by coordinate with which ``prox`` may be asked for; infinite where a map
        offers none.
    """

    is_elementwise: ClassVar[bool] = False
    kink: ClassVar[float] = 0.0
    prox_is_exact: ClassVar[bool] = False
    prox_weight: float = math.inf

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
        """Return F(x), shape (edge dim, batch), for ``x`` of shape (vertex dim, batch).

        It is never asked for a stack of such.
        """

    @abc.abstractmethod
    def pullback(self, x: Array, y: Array) -> Array:
        """Return DF(x)ᵀ y, shape (vertex dim, batch), for ``y`` of shape (edge dim, batch).

        Either ``y`` itself or a new array.
        """

    def energy(self, x: Array, projection: Array, target: Array) -> float:  # noqa: ARG002
        """Return the energy of an edge with this map at its tail, summed over samples.

        ½‖F(x) − t‖², unless the map comes with a loss of its own.

        Parameters
        ----------
        x
            Stalk at the tail.
        projection
            F(x), which the caller has already.
        target
            The head's projection t.
        """
        residual = projection - target
        return 0.5 * float(np.vdot(residual, residual))

    def prox(
        self, weight: Array, centre: Array, target: Array, current: Array, *, keep: bool
    ) -> Array:
        """Return the minimiser of ½ Σ weight (x − centre)² + the energy towards ``target``.

        Parameters
        ----------
        weight
            By coordinate, shape (dim, 1), none below ``prox_weight``.
        centre, target, current
            Shape (dim, batch).
        keep
            Where there are two minima, stay in the basin of ``current`` instead of taking the
            lowest.
        """
        raise NotImplementedError

    def facing(self, head_is_held: bool) -> RestrictionMap:  # noqa: ARG002
        """Return the map to use at a tail whose head is wholly held, or is not."""
        return self

    @property
    @abc.abstractmethod
    def curvature(self) -> float:
        """Upper bound on the curvature in x of ½‖F(x) − t‖².

        That is ‖DF‖² plus, where F bends, the second derivative weighted by the residual;
        there the bound holds while no coordinate of F(x) − t exceeds 1. It holds within one
        activation pattern: a gate has a kink at 0, whose curvature nothing bounds.
        """

    def contents(self) -> bytes:
        """Return the map's own numbers, to tell it from another; nothing if it has none."""
        return b""

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

    is_elementwise = True
    kink = 1.0
    prox_is_exact = True
    prox_weight = sys.float_info.min

    def codomain_dim(self, domain_dim: int) -> int:
        return domain_dim

    def apply(self, x: Array) -> Array:
        return np.maximum(x, 0.0)

    def pullback(self, x: Array, y: Array) -> Array:
        # NumPy takes twice as long to multiply by what is no float of the same precision yet.
        gate: Array = (x >= 0.0).astype(y.dtype)
        return y * gate

    def prox(
        self, weight: Array, centre: Array, target: Array, current: Array, *, keep: bool
    ) -> Array:
        # One candidate on each side of the kink, each the minimiser of its side.
        total = weight + 1.0
        middle = (weight * centre + target) / total
        below = np.minimum(centre, 0.0)
        if keep:
            from_above = np.where(middle > 0.0, middle, below)
            from_below = np.where(centre < 0.0, centre, np.maximum(middle, 0.0))
            return np.where(current >= 0.0, from_above, from_below)
        # It is worth being at the middle if that lies above 0 and (weight + 1) middle² is at
        # least weight below², which is what it costs to leave the centre for 0.
        return np.where(below * np.sqrt(weight / total) + middle >= 0.0, middle, below)

    @property
    def curvature(self) -> float:
        return 1.0


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

    @cached_property
    def _transpose(self) -> Array:
        return self.matrix.T

    def codomain_dim(self, domain_dim: int) -> int:
        rows: int = self.matrix.shape[0]
        if self.matrix.shape[1] != domain_dim:
            raise ShapeError(
                f"{self.name}: expected shape ({rows}, {domain_dim}) for a vertex stalk of "
                f"dimension {domain_dim}, got {self.matrix.shape}"
            )
        return rows

    def apply(self, x: Array) -> Array:
        # The operator gives the same and takes half a microsecond longer to begin.
        value: Array = self.matrix.dot(x)
        return value

    def pullback(self, x: Array, y: Array) -> Array:  # noqa: ARG002
        value: Array = self._transpose.dot(y)
        return value

    @cached_property
    def curvature(self) -> float:
        return squared_norm_bound(self.matrix)

    def contents(self) -> bytes:
        return self.matrix.tobytes()

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

    @cached_property
    def _bias_column(self) -> Array:
        return self.bias[:, None]

    def apply(self, x: Array) -> Array:
        value: Array = self.matrix.dot(x)
        value += self._bias_column
        return value

    def contents(self) -> bytes:
        return self.matrix.tobytes() + self.bias.tobytes()

    def shifted(self, W: Array, b: Array) -> Affine:
        """Return x ↦ (self.W + W) x + (self.b + b), shapes as here, which are not checked.

        A map that learns is replaced in every step, and what is not finite is found by the force
        that it makes.
        """
        moved = Affine.__new__(Affine)
        moved.name = self.name
        moved.matrix = frozen(self.matrix + W)
        moved.bias = frozen(self.bias + b)
        return moved


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
