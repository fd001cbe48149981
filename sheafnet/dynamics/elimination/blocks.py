"""The algebra of one block in the elimination along a path, batched over samples.

Here *above* means towards the output, and *below* means towards the input. The pattern says of each
unit whether it is active (z > 0), inactive (z < 0) or on its kink (z = 0). For a given pattern, the
energy of a network of ReLU gates is a quadratic in the changes of its stalks from their present
values. Take the energy of an edge and of all edges above it, and minimise it over all stalks above
the edge. The result is the *value* of the edge: a quadratic in the change of the edge vector. It
leaves out constants, and the linear term that comes from the present residual of the edge itself;
the tail of the edge adds this term. The values are computed from the output to the input,
through each map and each gate in turn. Afterwards the changes of the stalks are computed from the
input to the output.

A gate has the stalk z at its tail and the stalk a at its head. The affine map below it sends
c = W a' + b to z, where a' is the stalk at the tail of that map. The minimum over z of the energy
of the two edges of a unit is ¼(c − a)² if the unit is active, ½a² if it is inactive, and
½(c² + a²) on the kink.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sheafnet.core.arrays import Array


class Value(NamedTuple):
    """A quadratic ½ vᵀ J v + hᵀ v in the change v of an edge vector, one for each sample.

    Attributes
    ----------
    curvature
        J, positive semidefinite, shape (batch, dim, dim).
    slope
        h, shape (dim, batch).
    """

    curvature: Array
    slope: Array

    def through(self, matrix: Array) -> "Value":
        """Return the same quadratic as a function of x, where v = F x.

        Parameters
        ----------
        matrix
            F, shape (length of v, length of x).
        """
        return Value(matrix.T @ self.curvature @ matrix, matrix.T @ self.slope)


def free_end(dim: int, batch: int) -> Value:
    """Return the value of an edge whose head is free and has no other edge: the zero quadratic."""
    return Value(np.zeros((batch, dim, dim)), np.zeros((dim, batch)))


def held_end(dim: int, batch: int) -> Value:
    """Return the value ½‖v‖² of an edge whose head is held; v is the change of the edge vector."""
    return Value(np.broadcast_to(np.eye(dim), (batch, dim, dim)), np.zeros((dim, batch)))


class Gate:
    """The elimination of the stalks at the two ends of one gate, for one pattern of its units.

    The stalks are z at the tail and a at the head; c is the projection that z receives from below.

    Parameters
    ----------
    z
        Stalk at the tail, shape (dim, batch); its signs give the pattern.
    above
        Quadratic in the change of a: the value of the edge above a. Its slope also includes ∇E with
        respect to a, that is the present derivative of the energy of both edges of a.

    Attributes
    ----------
    below
        Value of the edge below z, a quadratic in the change of c.
    """

    def __init__(self, z: Array, above: Value) -> None:
        identity = np.eye(len(z))
        active = (z > 0.0).astype(np.float64)
        self._link = 0.5 * active
        self._slope = above.slope
        # Each unit adds at least ½ to the curvature, so the sum is never singular.
        own = 1.0 - self._link
        self._inverse = np.linalg.inv(above.curvature + own.T[:, :, None] * identity)
        link = self._link.T
        stiff = link + (z == 0.0).T
        self.below = Value(
            stiff[:, :, None] * identity - link[:, :, None] * self._inverse * link[:, None, :],
            self._link * _applied(self._inverse, above.slope),
        )

    def change(self, below: Array, share: Array) -> Array:
        """Return the change of a for each given change of c, shape (shares, dim, batch).

        For share 1 it is the change of a that minimises the energy at the given change of c. For a
        smaller share it is the change of a at this fraction of the way to the minimum.

        Parameters
        ----------
        below
            Changes of c, one for each share, shape (shares, dim, batch).
        share
            Fraction of the way to the minimum at which each change of c lies, in (0, 1], shape
            (shares, 1, 1).
        """
        return _applied(self._inverse, self._link * below - share * self._slope)


def _applied(matrices: Array, vectors: Array) -> Array:
    """Return the product of matrix and vector for each sample.

    The matrices have shape (batch, n, m). The vectors have shape (m, batch) or (many, m, batch);
    the result has shape (n, batch) or (many, n, batch).
    """
    if vectors.ndim == matrices.ndim:
        return np.asarray(np.matmul(matrices, vectors.transpose(2, 1, 0)).transpose(2, 1, 0))
    return np.asarray(np.matmul(matrices, vectors.T[:, :, None])[:, :, 0].T)


def pattern(z: Array) -> NDArray[np.int8]:
    """Return the pattern: 1 for each active unit, −1 for each inactive unit, 0 on the kink."""
    return np.sign(z).astype(np.int8)


def half_square(x: Array) -> Array:
    """Return ½‖x‖² of each sample in float64, shape (…, batch); x has shape (…, dim, batch)."""
    wide = x.astype(np.float64, copy=False)
    return np.asarray(0.5 * np.sum(wide * wide, axis=-2))
