"""Restriction maps, which take a vertex stalk into an edge stalk.

A map has a value, the transpose of its derivative and a bound on its curvature. These three suffice
for the rules that take any map; other members of the base class, and checks for the classes in
this module, only select faster or exact formulas.
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

    This is the base class of all maps, built-in or user-defined. A subclass must define
    ``codomain_dim``, ``apply``, ``pullback`` and ``curvature``; ``sheafnet.core`` has an example.
    Maps are immutable, and their values depend on the arguments only, in whose precision they are
    returned. The caller may change an array that a method returns, share it or make it read-only.
    A method therefore returns a new array, or the argument that its description names.

    Attributes
    ----------
    is_elementwise
        Whether each coordinate of the value depends on the same coordinate of the stalk alone.
        False by default.
    kink
        Jump of the derivative where a coordinate passes 0 from left to right; 0.0 (default) for a
        map without a kink there. A map with another value must be elementwise, and its
        ``pullback`` must use the derivative from the right at 0. Kinks at other points cannot be
        declared.
    prox_is_exact
        Whether ``prox`` returns the minimiser to rounding, and not an iterate on the way to it.
        False by default.
    prox_weight
        Least entry of ``weight`` with which ``prox`` may be called. Infinite (default) for a map
        without ``prox``.
    """

    is_elementwise: ClassVar[bool] = False
    kink: ClassVar[float] = 0.0
    prox_is_exact: ClassVar[bool] = False
    prox_weight: float = math.inf

    @abc.abstractmethod
    def codomain_dim(self, domain_dim: int) -> int:
        """Return the dimension of the edge stalk for a vertex stalk of a given dimension.

        Parameters
        ----------
        domain_dim
            Dimension of the vertex stalk, at least 1.

        Raises
        ------
        ShapeError
            If the map cannot act on a stalk of that dimension.
        """

    @abc.abstractmethod
    def apply(self, x: Array) -> Array:
        """Return F(x).

        Parameters
        ----------
        x
            Vertex stalk, shape (vertex dim, batch); always two-dimensional, and often read-only.

        Returns
        -------
        numpy.ndarray
            Shape (edge dim, batch): ``x`` itself or a new array.
        """

    @abc.abstractmethod
    def pullback(self, x: Array, y: Array) -> Array:
        """Return DF(x)ᵀ y, the transpose of the derivative applied to an edge vector.

        A map whose ``energy`` is not ½‖F(x) − t‖² returns the gradient of that energy in x, with
        y = F(x) − t.

        Parameters
        ----------
        x
            Vertex stalk, shape (vertex dim, batch).
        y
            Edge vector, shape (edge dim, batch).

        Returns
        -------
        numpy.ndarray
            Shape (vertex dim, batch): ``y`` itself or a new array.
        """

    def energy(self, x: Array, projection: Array, target: Array) -> float:  # noqa: ARG002
        """Return the energy of an edge with this map at one end, summed over samples.

        It is ½‖F(x) − t‖², unless a subclass defines another loss. The energy of a whole cochain
        takes that of each edge from its tail map.

        Parameters
        ----------
        x
            Stalk at this end, shape (vertex dim, batch).
        projection
            F(x), shape (edge dim, batch), which the caller has computed.
        target
            Projection t of the other end, shape (edge dim, batch).
        """
        residual = projection - target
        return 0.5 * float(np.vdot(residual, residual))

    def prox(
        self, weight: Array, centre: Array, target: Array, current: Array, *, keep: bool
    ) -> Array:
        """Return the minimiser over x of ½ Σ weight (x − centre)² + ``energy`` towards ``target``.

        A vertex calls this where the map is at its tail and all its other maps are identities:
        these and its soft pins make up the weight and the centre. It is never called for a map
        whose ``prox_weight`` is infinite.

        Parameters
        ----------
        weight
            Weight of each coordinate, shape (vertex dim, 1); no entry is below ``prox_weight``.
        centre
            Point that the weights pull towards, shape (vertex dim, batch).
        target
            Projection of the other end, shape (edge dim, batch).
        current
            Present stalk, shape (vertex dim, batch).
        keep
            True selects, of two minima, the one in whose basin ``current`` lies; False selects the
            lowest.

        Returns
        -------
        numpy.ndarray
            Shape (vertex dim, batch).

        Raises
        ------
        NotImplementedError
            If the map does not define the method, as in the base class.
        """
        raise NotImplementedError

    def facing(self, head_is_held: bool) -> RestrictionMap:  # noqa: ARG002
        """Return the map to use in place of this one at the tail of an edge in a run.

        The base class returns the map itself.

        Parameters
        ----------
        head_is_held
            Whether hard pins hold every coordinate of the head when the run begins.
        """
        return self

    @property
    @abc.abstractmethod
    def curvature(self) -> float:
        """Upper bound on the curvature in x of the map's ``energy``.

        For ½‖F(x) − t‖² the curvature is ‖DF‖² plus, where F is not linear, the second derivative
        weighted by the residual. The bound of such a map must hold while no coordinate of
        F(x) − t exceeds 1 in magnitude. It need not hold across a kink, where the derivative
        jumps. NaN or infinity stands for no bound; rules that need one then refuse the map.
        """

    def contents(self) -> bytes:
        """Return the parameters of the map as bytes, for digests of runs; empty if it has none."""
        return b""

    @property
    def dtype(self) -> np.dtype[np.floating] | None:
        """Precision of the parameters of the map; None if it has none."""
        return None


@dataclass(frozen=True)
class Identity(RestrictionMap):
    """The identity map x ↦ x."""

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
    """The ReLU gate z ↦ R(z) z with R(z) = diag(z ≥ 0).

    It is the tail map of an activation edge (Bosca & Ghrist, "Neural Networks as Local-to-Global
    Computations", arXiv 2603.14831, 2026).
    """

    is_elementwise = True
    kink = 1.0
    prox_is_exact = True
    prox_weight = sys.float_info.min

    def codomain_dim(self, domain_dim: int) -> int:
        return domain_dim

    def apply(self, x: Array) -> Array:
        return np.maximum(x, 0.0)

    def pullback(self, x: Array, y: Array) -> Array:
        # NumPy multiplies twice as fast by an array of the same precision as by booleans.
        gate: Array = (x >= 0.0).astype(y.dtype)
        return y * gate

    def prox(
        self, weight: Array, centre: Array, target: Array, current: Array, *, keep: bool
    ) -> Array:
        # There is one candidate on each side of the kink, each the minimiser on its side.
        total = weight + 1.0
        middle = (weight * centre + target) / total
        below = np.minimum(centre, 0.0)
        if keep:
            from_above = np.where(middle > 0.0, middle, below)
            from_below = np.where(centre < 0.0, centre, np.maximum(middle, 0.0))
            return np.where(current >= 0.0, from_above, from_below)
        # The candidate above 0 has the lower energy if middle > 0 and (weight + 1) middle² is at
        # least weight below². The test combines both conditions, since below ≤ 0.
        return np.where(below * np.sqrt(weight / total) + middle >= 0.0, middle, below)

    @property
    def curvature(self) -> float:
        return 1.0


class Linear(RestrictionMap):
    """The linear map x ↦ F x.

    Parameters
    ----------
    F
        Matrix, shape (edge dim, vertex dim). float32 stays float32; every other type becomes
        float64.
    name
        Name of the matrix in error messages; ``"F"`` by default.

    Raises
    ------
    InputError
        If ``F`` does not hold real numbers.
    ShapeError
        If ``F`` is not two-dimensional.
    NonFiniteError
        If ``F`` holds NaN or infinity.
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
        # The operator @ gives the same value but has half a microsecond more overhead.
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
    """The affine map x ↦ W x + b.

    Parameters
    ----------
    W
        Weights, shape (n_out, n_in). float32 stays float32; every other type becomes float64.
    b
        Bias, shape (n_out,), with the same treatment of types.
    names
        Names of ``W`` and ``b`` in error messages; ``("W", "b")`` by default.

    Raises
    ------
    InputError
        If an array does not hold real numbers.
    ShapeError
        If an array has the wrong rank, or ``b`` has another length than ``W`` has rows.
    NonFiniteError
        If an array holds NaN or infinity.
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
        """Return the map with ``W`` added to the weights and ``b`` to the bias, unchecked.

        A learning rule calls this in every step, so that checks would cost too much here. NaN and
        infinity show up in the force that the map exerts.

        Parameters
        ----------
        W
            Change of the weights, shape (n_out, n_in).
        b
            Change of the bias, shape (n_out,).
        """
        moved = Affine.__new__(Affine)
        moved.name = self.name
        moved.matrix = frozen(self.matrix + W)
        moved.bias = frozen(self.bias + b)
        return moved


def squared_norm_bound(F: Array) -> float:
    """Return an upper bound on ‖F‖₂², tight to rounding.

    It is the largest eigenvalue of the smaller of the Gram matrices F Fᵀ and FᵀF, at most
    ‖F‖₁ ‖F‖∞, and enlarged by a bound on the rounding errors of both.

    Parameters
    ----------
    F
        Matrix with finite entries.
    """
    rows, columns = F.shape
    if F.size == 0 or not F.any():
        return 0.0
    size = float(np.abs(F).max())
    wide = F.astype(np.float64) / size  # Scaled so that squares of large entries do not overflow.
    gram = wide @ wide.T if rows <= columns else wide.T @ wide
    rounding: float = 4.0 * (rows + columns) * float(np.finfo(np.float64).eps)
    largest = float(np.linalg.eigvalsh(gram)[-1])
    entries = np.abs(wide)
    cap = float(entries.sum(axis=0).max()) * float(entries.sum(axis=1).max())
    return min(largest, cap) * (1.0 + rounding) * size * size
