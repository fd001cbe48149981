"""Numerical checks of the theorems of Bosca & Ghrist (2026) on the sheaf of a given network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sheafnet.core.coboundary import coboundary
from sheafnet.core.laplacian import harmonic_extension, laplacian
from sheafnet.core.naming import INPUT
from sheafnet.core.network import ReluNetwork
from sheafnet.core.pins import Pin
from sheafnet.core.spectrum import relative_cohomology
from sheafnet.errors import InputError

LARGEST_DENSE = 4000
"""Largest number of free coordinates for which the dense matrices are formed."""


@dataclass(frozen=True)
class Finding:
    """The result of checking one theorem on one network and given inputs.

    Attributes
    ----------
    statement
        Statement of the theorem.
    holds
        Whether the check confirmed it for every sample.
    figure
        The numbers on which the verdict rests, as text.
    """

    statement: str
    holds: bool
    figure: str


def check_theorems(network: ReluNetwork, x: ArrayLike, *, tolerance: float = 1e-9) -> list[Finding]:
    """Check the theorems of Bosca & Ghrist (2026) with the input pinned to ``x``.

    The checks are made in float64. They form dense matrices at the forward pass of each sample,
    and one harmonic extension of all inputs.

    Parameters
    ----------
    network
        The network.
    x
        Inputs, shape (n_0, batch); each sample has its own activation pattern.
    tolerance
        Largest accepted deviation of the determinant from 1, and of the harmonic extension from
        the forward pass relative to 1 + its largest value; 1e-9 by default.

    Returns
    -------
    list
        One finding for each theorem.

    Raises
    ------
    InputError
        If the network has more than 4,000 free coordinates, or ``x`` does not hold real numbers.
    ShapeError
        If ``x`` does not have the shape (n_0, batch).
    NonFiniteError
        If ``x`` holds NaN or infinity, or the forward pass overflows.
    EmptyBatchError
        If ``x`` has no samples.
    SolveError
        If the harmonic extension cannot be computed to working precision.
    """
    network = network.astype(np.float64)
    sheaf = network.to_sheaf()
    forward = network.forward_cochain(x)
    pins = [Pin(INPUT, forward[INPUT])]
    size = sum(sheaf.stalk_dim(v) for v in sheaf.vertices) - network.widths[0]
    if size > LARGEST_DENSE:
        raise InputError(
            f"the network has {size} free coordinates; the checks are dense and stop at "
            f"{LARGEST_DENSE}"
        )
    triangular, determinant, lowest, condition = True, 0.0, np.inf, 0.0
    cohomology = set()
    for sample in range(forward.batch):
        delta = coboundary(sheaf, forward, pinned=[INPUT], sample=sample).toarray()
        unit = bool((np.diag(delta) == 1.0).all()) and not np.triu(delta, 1).any()
        triangular = triangular and unit
        determinant = max(determinant, abs(float(np.linalg.det(delta)) - 1.0))
        eigenvalues = np.linalg.eigvalsh(laplacian(sheaf, pins, forward, sample=sample).toarray())
        lowest = min(lowest, float(eigenvalues[0]))
        condition = max(condition, float(eigenvalues[-1] / eigenvalues[0]))
        cohomology.add(relative_cohomology(sheaf, pins, forward, sample=sample))
    harmonic = harmonic_extension(sheaf, pins)
    scale = 1.0 + max(float(np.abs(forward[v]).max()) for v in sheaf.vertices)
    apart = max(float(np.abs(harmonic[v] - forward[v]).max()) for v in sheaf.vertices)
    deviation = apart / scale
    return [
        Finding(
            "the coboundary on free coordinates is unit lower triangular",
            triangular,
            f"{size} × {size}",
        ),
        Finding("its determinant is 1", determinant <= tolerance, f"|det − 1| = {determinant:.1e}"),
        Finding(
            "the Laplacian on free coordinates is positive definite",
            lowest > 0.0,
            f"λ1 = {lowest:.3g}, condition number {condition:.3g}",
        ),
        Finding(
            "the relative cohomology vanishes",
            cohomology == {(0, 0)},
            "dim H⁰, H¹ = " + "; ".join(f"{h0}, {h1}" for h0, h1 in sorted(cohomology)),
        ),
        Finding(
            "the forward pass is the harmonic extension of the input",
            deviation <= tolerance,
            f"largest relative deviation {deviation:.1e}",
        ),
    ]
