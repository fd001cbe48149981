"""Spectrum of the restricted Laplacian, and the relative cohomology. For analysis only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from sheafnet.core.arrays import Array
from sheafnet.core.coboundary import relative_coboundary
from sheafnet.core.laplacian import laplacian
from sheafnet.core.pins import Pin, resolve_pins
from sheafnet.core.sheaf import Sheaf


def spectrum(sheaf: Sheaf, pins: Iterable[Pin], cochain: Mapping[str, Array]) -> Array:
    """Return the eigenvalues of L[Ω, Ω] at every sample, ascending.

    The smallest, λ1, is the rate at which the heat flow decays in that activation pattern.

    Parameters
    ----------
    sheaf
        The sheaf.
    pins
        The pins; soft ones add their strength to the diagonal.
    cochain
        Where to linearise.

    Returns
    -------
    numpy.ndarray
        Shape (batch, free dimension).
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
    """Return (dim H⁰, dim H¹) relative to the pins, linearised at one sample.

    H⁰ is the kernel of δ on the free coordinates (what the hard pins leave undetermined), H¹ its
    cokernel (edge vectors that no cochain resolves).
    """
    delta = relative_coboundary(sheaf, cochain, resolve_pins(sheaf, pins), sample=sample)
    rank = int(np.linalg.matrix_rank(delta.toarray())) if min(delta.shape) else 0
    return delta.shape[1] - rank, delta.shape[0] - rank
