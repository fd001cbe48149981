"""Numerical checks of the theorems of Bosca & Ghrist (arXiv 2603.14831, 2026) on a network."""

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
"""Largest number of free coordinates of a network that ``check_theorems`` accepts.

The checks use dense matrices. Their memory grows with the square of the number of free coordinates.
"""


@dataclass(frozen=True)
class Finding:
    """The result of the check of one theorem on one network with given inputs.

    Attributes
    ----------
    statement
        Statement of the theorem.
    holds
        Whether the check confirmed the statement for every sample.
    figure
        Text with the numbers on which the value of ``holds`` is based.
    """

    statement: str
    holds: bool
    figure: str


def check_theorems(network: ReluNetwork, x: ArrayLike, *, tolerance: float = 1e-9) -> list[Finding]:
    """Check the theorems of Bosca & Ghrist (2026) with the input pinned to ``x``.

    The checks are made in float64. For each sample, dense matrices are formed from the maps
    linearised at the forward pass of the sample. The harmonic extension is computed once, for all
    samples.

    Parameters
    ----------
    network
        The network.
    x
        Inputs, shape (n_0, batch). Different samples may have different active units.
    tolerance
        Largest accepted deviation of the determinant of the coboundary from 1, and of the harmonic
        extension from the forward pass; 1e-9 by default. The second deviation is divided by 1 + m,
        where m is the largest absolute value in the forward pass.

    Returns
    -------
    list
        One finding for each theorem.

    Raises
    ------
    InputError
        If the network has more than 4,000 coordinates besides those of the input, or if ``x`` does
        not hold real numbers.
    ShapeError
        If ``x`` does not have the shape (n_0, batch).
    NonFiniteError
        If ``x`` holds NaN or infinity, or the forward pass overflows.
    EmptyBatchError
        If ``x`` has no samples.
    SolveError
        If the Laplacian is singular to working precision, or if the solves for the harmonic
        extension do not converge.
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
