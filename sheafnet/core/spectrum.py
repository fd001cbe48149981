"""Spectrum of the restricted Laplacian, and relative cohomology.

For analysis only: both need the matrices of the whole sheaf, as dense arrays.
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

    The smallest, λ1, is the rate at which the distance to the minimum decays in the heat flow
    while the activation pattern is that of the sample. The energy above the minimum decays at
    the rate 2λ1. See ``sheafnet.laplacian`` for L[Ω, Ω].

    Parameters
    ----------
    sheaf
        The sheaf.
    pins
        Hard pins remove coordinates; soft pins add their strength to the diagonal.
    cochain
        Stalks at which the maps are linearised, one array (dim, batch) per vertex.

    Returns
    -------
    numpy.ndarray
        Shape (batch, free dimension), ascending in each row.

    Raises
    ------
    UnknownNameError
        If a pin names a vertex that the sheaf does not have, or a ``sheafnet.Cochain`` lacks a
        free vertex.
    ShapeError
        If a pin's value does not fit its stalk or coordinates, or two pins have different
        batches.
    NonFiniteError, EmptyBatchError
        If a pin's value holds NaN or infinity, or has no samples.
    PinError
        If two hard pins disagree, or the coordinates or strength of a pin are invalid.
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
    """Return (dim H⁰, dim H¹) relative to the hard pins, linearised at one sample.

    H⁰ is the kernel of the coboundary δ on the free coordinates: the directions that the hard
    pins leave undetermined. H¹ is its cokernel: the edge vectors modulo those that some cochain
    on the free coordinates produces. The rank of δ is that of its dense matrix, to rounding.

    Parameters
    ----------
    sheaf
        The sheaf.
    pins
        Pins. Only hard pins matter; soft pins are checked and then ignored.
    cochain
        Stalks at which the maps are linearised, one array (dim, batch) per vertex.
    sample
        Index of the sample in the batch; 0 by default.

    Raises
    ------
    UnknownNameError
        If a pin names a vertex that the sheaf does not have, or a ``sheafnet.Cochain`` lacks a
        free vertex.
    ShapeError
        If a pin's value does not fit its stalk or coordinates, or two pins have different
        batches.
    NonFiniteError, EmptyBatchError
        If a pin's value holds NaN or infinity, or has no samples.
    PinError
        If two hard pins disagree, or the coordinates or strength of a pin are invalid.
    """
    delta = relative_coboundary(sheaf, cochain, resolve_pins(sheaf, pins), sample=sample)
    rank = int(np.linalg.matrix_rank(delta.toarray())) if min(delta.shape) else 0
    return delta.shape[1] - rank, delta.shape[0] - rank
