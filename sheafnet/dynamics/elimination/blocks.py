"""The algebra of one block in the elimination along a path, batched over samples.

For a given pattern of the units, the energy of a network of ReLU gates is a quadratic in the
changes of its stalks from their present values. Minimise it over all stalks above an edge: the
rest is a quadratic in the change of the edge vector, called the *value* of the edge. The value is
computed from the output to the input, through each map and each gate in turn. On the way back
each gate gives the change of a that minimises the value, for a given change of c.

Let c = W a + b be what the affine map below a gate gives, and a the stalk above the gate. With z
minimised away, a unit costs ¼(c − a)² where it is active (z > 0), ½a² where it is inactive
(z < 0), and ½(c² + a²) on the kink (z = 0).
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
        """Return the value as a quadratic in x, where v = F x.

        Parameters
        ----------
        matrix
            F, shape (dim, dim of x).
        """
        return Value(matrix.T @ self.curvature @ matrix, matrix.T @ self.slope)


def free_end(dim: int, batch: int) -> Value:
    """Return the value of an edge whose head is free and has no other edge: 0."""
    return Value(np.zeros((batch, dim, dim)), np.zeros((dim, batch)))


def held_end(dim: int, batch: int) -> Value:
    """Return the value of an edge whose head is held: ½‖v‖²."""
    return Value(np.broadcast_to(np.eye(dim), (batch, dim, dim)), np.zeros((dim, batch)))


class Gate:
    """The units of one gate in one pattern, with all stalks above them minimised away.

    Parameters
    ----------
    z
        Stalk whose signs give the pattern, shape (dim, batch).
    above
        Quadratic in the change of a of the energy above a; its slope includes ∇E with respect
        to a, of both edges of a.

    Attributes
    ----------
    below
        Value of the edge below the gate: a quadratic in the change of c.
    """

    def __init__(self, z: Array, above: Value) -> None:
        identity = np.eye(len(z))
        active = (z > 0.0).astype(np.float64)
        self._link = 0.5 * active
        self._slope = above.slope
        # Each unit adds a curvature of at least ½, so that the sum is not singular.
        own = 1.0 - self._link
        self._inverse = np.linalg.inv(above.curvature + own.T[:, :, None] * identity)
        link = self._link.T
        stiff = link + (z == 0.0).T
        self.below = Value(
            stiff[:, :, None] * identity - link[:, :, None] * self._inverse * link[:, None, :],
            self._link * _applied(self._inverse, above.slope),
        )

    def change(self, below: Array, share: Array) -> Array:
        """Return the change of a that belongs to a change of c, shape (shares, dim, batch).

        Parameters
        ----------
        below
            Change of c, one for each share, shape (shares, dim, batch).
        share
            Fraction of the way to the minimum that each change of c belongs to, in (0, 1], shape
            (shares, 1, 1).
        """
        return _applied(self._inverse, self._link * below - share * self._slope)


def _applied(matrices: Array, vectors: Array) -> Array:
    """Return a product for each sample: (batch, n, m) with (m, batch) or (many, m, batch)."""
    if vectors.ndim == matrices.ndim:
        return np.asarray(np.matmul(matrices, vectors.transpose(2, 1, 0)).transpose(2, 1, 0))
    return np.asarray(np.matmul(matrices, vectors.T[:, :, None])[:, :, 0].T)


def pattern(z: Array) -> NDArray[np.int8]:
    """Return 1 for each active unit, −1 for each inactive one and 0 for each on the kink."""
    return np.sign(z).astype(np.int8)


def half_square(x: Array) -> Array:
    """Return ½‖x‖² of each sample in float64, shape (…, batch), for x of shape (…, dim, batch)."""
    wide = x.astype(np.float64, copy=False)
    return np.asarray(0.5 * np.sum(wide * wide, axis=-2))
