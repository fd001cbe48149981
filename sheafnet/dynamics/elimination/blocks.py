"""The algebra of one block in the elimination along a path, batched over samples.

Here *above* means towards the output, and *below* means towards the input. The pattern says of each
unit whether it is active (z > 0), inactive (z < 0) or on its kink (z = 0). For a given pattern, the
energy of a network of ReLU gates is a quadratic in the changes of its stalks from their present
values. The *value* of an edge is the least energy of this edge and of all edges above it, where all
stalks above the edge may vary. It is a function of the change v of the projection of the edge's
tail, here the quadratic ½ vᵀ J v + hᵀ v. The constant term is left out. Also left out is rᵀ v,
where r is the present residual of the edge itself; the tail of the edge adds this term. The values
are computed from the output to the input, through each map and each gate in turn. Afterwards the
changes of the stalks are computed from the input to the output.

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
    """A quadratic ½ vᵀ J v + hᵀ v in the change v of a vector, one for each sample.

    For the value of an edge (the least energy of the edge and of all edges above it), the vector is
    the projection of the edge's tail.

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
    """Return the value of an edge whose head is free and has no other edge: the zero quadratic.

    The value of an edge is the least energy of the edge and of all edges above it. Here this energy
    is 0, because the head can take the value of the projection.
    """
    return Value(np.zeros((batch, dim, dim)), np.zeros((dim, batch)))


def held_end(dim: int, batch: int) -> Value:
    """Return ½‖v‖², the value of an edge whose head is held and has no other edge.

    The value of an edge is the least energy of the edge and of all edges above it, as a function of
    the change v of the projection of its tail.
    """
    return Value(np.broadcast_to(np.eye(dim), (batch, dim, dim)), np.zeros((dim, batch)))


class Gate:
    """The elimination of the stalks at the two ends of one gate, for one pattern of its units.

    The stalks are z at the tail and a at the head. The vertex with the stalk z receives from below
    the projection c over an affine map's edge. The vertex with the stalk a is the tail of the next
    affine map's edge towards the output. The value of an edge is the least energy of the edge and
    of all edges above it, as a quadratic in the change of the projection of its tail.

    Parameters
    ----------
    z
        Stalk at the tail, shape (dim, batch); its signs give the pattern.
    above
        Quadratic in the change of a. Its curvature is that of the value of the edge whose tail has
        the stalk a, taken as a function of the change of a. Its slope is the slope of this value
        plus ∂E/∂a. The latter is the present derivative with respect to a of the energy of this
        edge plus that of the gate's edge.

    Attributes
    ----------
    below
        Value of the edge over which c arrives, a quadratic in the change of c.
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
    """Return the pattern, in the shape of z: 1 where z > 0, −1 where z < 0, 0 where z = 0."""
    return np.sign(z).astype(np.int8)


def half_square(x: Array) -> Array:
    """Return ½‖x‖² of each sample in float64, shape (…, batch); x has shape (…, dim, batch)."""
    wide = x.astype(np.float64, copy=False)
    return np.asarray(0.5 * np.sum(wide * wide, axis=-2))
