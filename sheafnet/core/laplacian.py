"""The restricted sheaf Laplacian and the harmonic extension by direct solve: the oracle.

For analysis and tests only: both see the whole sheaf at once, which no vertex ever does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import linalg

from sheafnet.core.arrays import Array
from sheafnet.core.coboundary import coboundary, free_vertices
from sheafnet.core.cochain import Cochain
from sheafnet.core.energy import gradient
from sheafnet.core.pins import Pin, pinned_stalks
from sheafnet.core.sheaf import Sheaf
from sheafnet.errors import SolveError

SINGULAR = 1e-13
SETTLED = 1e-10


def laplacian(
    sheaf: Sheaf, pins: Iterable[Pin], cochain: Mapping[str, Array], *, sample: int = 0
) -> sparse.csr_array:
    """Return L[Ω, Ω] = δᵀδ on the free coordinates Ω, linearised at one sample.

    Parameters
    ----------
    sheaf
        The sheaf.
    pins
        Hard pins; their coordinates are not in Ω.
    cochain
        Where to linearise: it fixes the activation pattern.
    sample
        Which column of the batch.

    Notes
    -----
    Hansen & Ghrist, "Toward a spectral theory of cellular sheaves" (2019).
    """
    delta = coboundary(sheaf, cochain, pinned=pinned_stalks(sheaf, pins), sample=sample)
    return sparse.csr_array(delta.T @ delta)


def harmonic_extension(
    sheaf: Sheaf,
    pins: Iterable[Pin],
    start: Mapping[str, Array] | None = None,
    *,
    max_solves: int | None = None,
) -> Cochain:
    """Return the cochain that minimises E subject to the pins, by direct solves.

    One solve where every map is linear. Otherwise Gauss–Newton: linearise, solve, and again
    from there until the cochain no longer changes. On a network with the input pinned each
    solve settles one more layer, so it ends at the forward pass.

    Parameters
    ----------
    sheaf
        The sheaf.
    pins
        Hard pins.
    start
        Where to linearise first; zeros if not given.
    max_solves
        How many solves a sample may take; by default twice the number of vertices, and ten.

    Raises
    ------
    SolveError
        If the Laplacian is singular (the pins do not determine the rest), or the activation
        pattern does not settle.
    """
    held = pinned_stalks(sheaf, pins)
    batch = next((value.shape[1] for value in held.values()), 1)
    stalks = {v: np.zeros((sheaf.stalk_dim(v), batch)) for v in sheaf.vertices}
    if start is not None:
        stalks |= {vertex: np.array(start[vertex], dtype=np.float64) for vertex in sheaf.vertices}
    stalks |= {vertex: value.astype(np.float64) for vertex, value in held.items()}
    solves = max_solves or 2 * len(sheaf.vertices) + 10
    samples = [
        _solve_sample(sheaf, held, {v: x[:, [s]] for v, x in stalks.items()}, s, solves)
        for s in range(batch)
    ]
    return Cochain({v: np.hstack([one[v] for one in samples]) for v in sheaf.vertices})


def _solve_sample(
    sheaf: Sheaf,
    held: Mapping[str, Array],
    stalks: dict[str, Array],
    sample: int,
    max_solves: int,
) -> dict[str, Array]:
    free = free_vertices(sheaf, held)
    if not free:
        return stalks
    splits = np.cumsum([sheaf.stalk_dim(v) for v in free])[:-1]
    for _ in range(max_solves):
        delta = coboundary(sheaf, stalks, pinned=held)
        force = gradient(sheaf, stalks)
        change = _solve(sparse.csc_array(delta.T @ delta), np.concatenate([force[v] for v in free]))
        parts = np.split(change, splits)
        stalks = stalks | {v: stalks[v] - part for v, part in zip(free, parts, strict=True)}
        size = max(float(np.abs(x).max()) for x in stalks.values())
        if float(np.abs(change).max()) <= SETTLED * (1.0 + size):
            return stalks
    raise SolveError(
        f"sample {sample}: the activation pattern did not settle in {max_solves} solves; "
        "start nearer to the answer, or use a rule that can rest on a kink"
    )


def _solve(matrix: sparse.csc_array, right: Array) -> Array:
    try:
        factor = linalg.splu(matrix)
    except RuntimeError:
        pivots: NDArray[np.floating] = np.zeros(1)
    else:
        pivots = np.abs(factor.U.diagonal())
    if pivots.min() <= SINGULAR * pivots.max():
        raise SolveError(
            "the Laplacian on the free coordinates is singular: the pins do not determine the "
            "rest; pin more vertices"
        )
    return np.asarray(factor.solve(right))
