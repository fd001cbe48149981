"""Restriction maps, each of which maps a vertex stalk into an edge stalk.

A map defines its value, the transpose of its derivative and a bound on its curvature. Rules that
accept every map need only these three. Some rules also use the other members of the base class, or
the class of a built-in map, to select a formula that is faster or exact.
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
    Maps are immutable: what a method returns depends only on its arguments and on the parameters of
    the map. A method returns arrays in the precision of its arguments. The caller may change a
    returned array, share it or make it read-only. A method must therefore return a new array, or
    the argument that its ``Returns`` section names, but no array that the map keeps.

    Attributes
    ----------
    is_elementwise
        Whether each coordinate of the value depends only on the same coordinate of the stalk.
        False by default.
    kink
        Jump of the derivative at 0: the right derivative minus the left derivative there. 0.0
        (default) means that the map has no kink at 0. If ``kink`` is not 0, the map must be
        elementwise, and ``pullback`` must use the right derivative at 0. Kinks at other points
        cannot be declared.
    prox_is_exact
        Whether ``prox`` returns the minimiser to rounding. False (default) means that ``prox`` may
        return an approximation, such as the last iterate of an iteration.
    prox_weight
        Smallest entry of ``weight`` for which ``prox`` may be called. Infinite (default) means
        that the map does not define ``prox``.
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
            If the map cannot act on a stalk of dimension ``domain_dim``.
        """

    @abc.abstractmethod
    def apply(self, x: Array) -> Array:
        """Return F(x), the value of the map at the stalk x of each sample.

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
        """Return DF(x)ᵀ y, the transpose of the derivative at x applied to an edge vector y.

        A subclass that overrides ``energy`` returns the gradient of its energy in x instead. The
        argument y is then F(x) − t, where t is the projection of the other end.

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

        In the base class it is ½‖F(x) − t‖²; a subclass may define another loss.
        ``sheafnet.core.energy.energy`` calls this method of the tail map of every edge.

        Parameters
        ----------
        x
            Stalk at this end, shape (vertex dim, batch).
        projection
            The value F(x), shape (edge dim, batch). The caller has computed it already.
        target
            Projection t of the other end, shape (edge dim, batch).
        """
        residual = projection - target
        return 0.5 * float(np.vdot(residual, residual))

    def prox(
        self, weight: Array, centre: Array, target: Array, current: Array, *, keep: bool
    ) -> Array:
        """Return the minimiser over x of ½ Σ weight (x − centre)² + E(x).

        E(x) is the ``energy`` of the edge with this map at its tail, for the projection ``target``
        of the head. A vertex calls this method if the vertex is the tail of that edge and all its
        other maps are identities. The sum of the energies of its other edges and its soft pins is
        then ½ Σ weight (x − centre)² plus a constant. The method is never called for a map whose
        ``prox_weight`` is infinite.

        Parameters
        ----------
        weight
            Weight of each coordinate, shape (vertex dim, 1); no entry is below ``prox_weight``.
        centre
            Minimiser of the quadratic term alone, shape (vertex dim, batch).
        target
            Projection of the head, shape (edge dim, batch).
        current
            Present stalk of the vertex, shape (vertex dim, batch).
        keep
            Which minimum to return if there are two local minima. True selects the minimum in whose
            basin ``current`` lies; False selects the lower minimum.

        Returns
        -------
        numpy.ndarray
            The minimiser, shape (vertex dim, batch).

        Raises
        ------
        NotImplementedError
            If the class of the map does not define this method. The base class does not.
        """
        raise NotImplementedError

    def facing(self, head_is_held: bool) -> RestrictionMap:  # noqa: ARG002
        """Return the map that a run uses in place of this map at the tail of an edge.

        The base class returns this map itself.

        Parameters
        ----------
        head_is_held
            Whether hard pins hold every coordinate of the head of the edge when the run begins.
        """
        return self

    @property
    @abc.abstractmethod
    def curvature(self) -> float:
        """Upper bound on the curvature in x of the map's ``energy``.

        The curvature is the largest eigenvalue of the Hessian. For the energy ½‖F(x) − t‖² it is at
        most ‖DF(x)‖² plus, if F is not linear, the norm of the second derivative weighted by the
        residual F(x) − t. For such an F the bound must hold while no coordinate of the residual
        exceeds 1 in magnitude. The bound need not hold across a kink, where the derivative jumps.
        NaN or infinity means that no bound is known; a rule that needs a bound then raises
        ``sheafnet.errors.RuleError``.
        """

    def contents(self) -> bytes:
        """Return the parameters of the map as bytes; empty if the map has no parameters.

        The digest of a training run (a hash of the run) is computed also from these bytes.
        """
        return b""

    @property
    def dtype(self) -> np.dtype[np.floating] | None:
        """Precision of the parameters of the map; None if the map has no parameters."""
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

    The gate keeps a coordinate z_i ≥ 0 and replaces a coordinate z_i < 0 by 0. It is the tail map
    of an activation edge (Bosca & Ghrist, "Neural Networks as Local-to-Global Computations", arXiv
    2603.14831, 2026).
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
        # NumPy multiplies y by an array of the same precision twice as fast as by booleans.
        gate: Array = (x >= 0.0).astype(y.dtype)
        return y * gate

    def prox(
        self, weight: Array, centre: Array, target: Array, current: Array, *, keep: bool
    ) -> Array:
        # The candidates are the minimiser over x ≥ 0 and the minimiser over x ≤ 0.
        total = weight + 1.0
        middle = (weight * centre + target) / total
        below = np.minimum(centre, 0.0)
        if keep:
            from_above = np.where(middle > 0.0, middle, below)
            from_below = np.where(centre < 0.0, centre, np.maximum(middle, 0.0))
            return np.where(current >= 0.0, from_above, from_below)
        # The candidate ``middle`` has the lower energy if middle > 0 and (weight + 1) · middle² is
        # at least weight · below². Since below ≤ 0, one comparison expresses both conditions.
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
        # The operator @ returns the same value, but takes half a microsecond longer.
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
        Bias, shape (n_out,). float32 stays float32; every other type becomes float64.
    names
        Names of ``W`` and ``b`` in error messages; ``("W", "b")`` by default.

    Raises
    ------
    InputError
        If an array does not hold real numbers.
    ShapeError
        If ``W`` is not two-dimensional, if ``b`` is not one-dimensional, or if the length of ``b``
        is not the number of rows of ``W``.
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
        """Return a new map with ``W`` added to the weights and ``b`` added to the bias.

        The arrays are not checked, because training calls this method for every update and a check
        would cost too much. NaN or infinity in the map appears in the forces of the next steps.

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
    """Return an upper bound on ‖F‖₂² that exceeds it only by rounding errors.

    Two numbers are computed: the largest eigenvalue of F Fᵀ or FᵀF, whichever matrix has fewer
    rows, and the product ‖F‖₁ ‖F‖∞. The bound is the smaller number, enlarged by a bound on the
    rounding errors of both.

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
