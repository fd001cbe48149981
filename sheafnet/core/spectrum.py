"""Spectrum of the restricted Laplacian, and relative cohomology.

Both functions are for analysis only, because they need dense matrices of the whole sheaf.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from sheafnet.core.arrays import Array
from sheafnet.core.coboundary import relative_coboundary
from sheafnet.core.laplacian import laplacian
from sheafnet.core.pins import Pin, resolve_pins
from sheafnet.core.sheaf import Sheaf


def spectrum(sheaf: Sheaf, pins: Iterable[Pin], cochain: Mapping[str, Array]) -> Array:
    """Return the eigenvalues of the restricted Laplacian L[Ω, Ω] at every sample.

    L[Ω, Ω] is the Laplacian on the free coordinates Ω (those that no hard pin holds); see
    ``sheafnet.laplacian``. The smallest eigenvalue λ1 is a rate of decay in the heat flow
    dx/dt = −∇E. As long as the same units are active as in the sample, the distance to the minimum
    decays at least as fast as exp(−λ1 t). The difference between the energy and its minimum decays
    at least as fast as exp(−2λ1 t).

    Parameters
    ----------
    sheaf
        The sheaf.
    pins
        Hard and soft pins. The coordinates of hard pins are left out of the Laplacian, and the
        strengths of soft pins are added to its diagonal.
    cochain
        Stalks at which the maps are linearised, one array (dim, batch) per vertex.

    Returns
    -------
    numpy.ndarray
        Shape (batch, number of free coordinates); each row is in ascending order.

    Raises
    ------
    UnknownNameError
        If a pin names a vertex that the sheaf does not have, or if ``cochain`` is a
        ``sheafnet.Cochain`` without a stalk for some vertex that is not wholly held.
    ShapeError
        If the shape of a pin's value does not match the number of pinned coordinates, or if two
        pins have values for different numbers of samples.
    NonFiniteError
        If the value of a pin holds NaN or infinity.
    EmptyBatchError
        If the value of a pin has no samples.
    PinError
        If two hard pins hold a coordinate at different values, if the coordinates of a pin are
        not indices of its stalk or one is repeated, or if a strength is not positive and finite.
    """
    held = list(pins)
    batch = cochain[sheaf.vertices[0]].shape[1]
    return np.stack(
        [
            np.linalg.eigvalsh(laplacian(sheaf, held, cochain, sample=sample).toarray())
            for sample in range(batch)
        ]
    )


def relative_cohomology(
    sheaf: Sheaf, pins: Iterable[Pin], cochain: Mapping[str, Array], *, sample: int = 0
) -> tuple[int, int]:
    """Return (dim H⁰, dim H¹), the dimensions of the cohomology relative to the hard pins.

    Let δ be the coboundary on the free coordinates, linearised at one sample. H⁰ is the kernel of
    δ: the directions that the hard pins leave undetermined. H¹ is the cokernel of δ: the edge
    vectors modulo the image of δ. The rank of δ is computed numerically, from its dense matrix.

    Parameters
    ----------
    sheaf
        The sheaf.
    pins
        Hard and soft pins. Soft pins are checked, but do not change the result.
    cochain
        Stalks at which the maps are linearised, one array (dim, batch) per vertex.
    sample
        Index of the sample in the batch; 0 by default.

    Raises
    ------
    UnknownNameError
        If a pin names a vertex that the sheaf does not have, or if ``cochain`` is a
        ``sheafnet.Cochain`` without a stalk for some vertex that is not wholly held.
    ShapeError
        If the shape of a pin's value does not match the number of pinned coordinates, or if two
        pins have values for different numbers of samples.
    NonFiniteError
        If the value of a pin holds NaN or infinity.
    EmptyBatchError
        If the value of a pin has no samples.
    PinError
        If two hard pins hold a coordinate at different values, if the coordinates of a pin are
        not indices of its stalk or one is repeated, or if a strength is not positive and finite.
    """
    delta = relative_coboundary(sheaf, cochain, resolve_pins(sheaf, pins), sample=sample)
    rank = int(np.linalg.matrix_rank(delta.toarray())) if min(delta.shape) else 0
    return delta.shape[1] - rank, delta.shape[0] - rank
