"""Block elimination along a path: the algebra of one block, batched over samples.

Around the present stalks, and for a given pattern of the units, the energy of a network of ReLU
gates is a quadratic in the changes of its stalks. What lies above an edge, minimised away, leaves
a quadratic in the change of that edge vector: its *value*. A value passes a map, then a gate, then
the next map, down to the input; on the way back every gate puts its minimiser in place.

With z minimised away, a unit between c, which the map below gives, and a costs ¼(c − a)² where it
is active (z > 0), ½a² where it is inactive (z < 0), and ½(c² + a²) on the kink (z = 0).
"""

from __future__ import annotations

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

    def through(self, matrix: Array) -> Value:
        """Return the value as one of x, where v = F x with this matrix F."""
        return Value(matrix.T @ self.curvature @ matrix, matrix.T @ self.slope)


def free_end(dim: int, batch: int) -> Value:
    """Return the value above an edge whose other end goes along with every change: 0."""
    return Value(np.zeros((batch, dim, dim)), np.zeros((dim, batch)))


def held_end(dim: int, batch: int) -> Value:
    """Return the value above an edge whose other end is held: ½‖v‖²."""
    return Value(np.broadcast_to(np.eye(dim), (batch, dim, dim)), np.zeros((dim, batch)))


class Gate:
    """The units of one gate in one pattern, with all that is above them minimised away.

    Parameters
    ----------
    z
        The stalk that the pattern is read off, shape (dim, batch).
    above
        What is above, in the change of a; its slope includes the force on a.

    Attributes
    ----------
    below
        The value of all this in the change of c.
    """

    def __init__(self, z: Array, above: Value) -> None:
        identity = np.eye(len(z))
        active = (z > 0.0).astype(np.float64)
        self._link = 0.5 * active
        self._slope = above.slope
        # The units alone bring a curvature of at least ½, which keeps the sum from being singular.
        own = 1.0 - self._link
        self._inverse = np.linalg.inv(above.curvature + own.T[:, :, None] * identity)
        link = self._link.T
        stiff = link + (z == 0.0).T
        self.below = Value(
            stiff[:, :, None] * identity - link[:, :, None] * self._inverse * link[:, None, :],
            self._link * _applied(self._inverse, above.slope),
        )

    def change(self, below: Array, share: Array) -> Array:
        """Return how a follows if c changes.

        Parameters
        ----------
        below
            The change of c, shape (shares, dim, batch).
        share
            The share of the whole way to the minimum that it is of, shape (shares, 1, 1).
        """
        return _applied(self._inverse, self._link * below - share * self._slope)


def _applied(matrices: Array, vectors: Array) -> Array:
    """Return the product of each sample: (batch, n, m) with (m, batch) or (many, m, batch)."""
    if vectors.ndim == matrices.ndim:
        return np.asarray(np.matmul(matrices, vectors.transpose(2, 1, 0)).transpose(2, 1, 0))
    return np.asarray(np.matmul(matrices, vectors.T[:, :, None])[:, :, 0].T)


def pattern(z: Array) -> NDArray[np.int8]:
    """Return 1 where a unit is active, −1 where it is inactive, 0 where it is on the kink."""
    return np.sign(z).astype(np.int8)


def half_square(x: Array) -> Array:
    """Return ½‖x‖² of each sample in float64, for ``x`` of shape (…, dim, batch)."""
    wide = x.astype(np.float64, copy=False)
    return np.asarray(0.5 * np.sum(wide * wide, axis=-2))
