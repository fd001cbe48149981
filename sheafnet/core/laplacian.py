"""The restricted sheaf Laplacian, and the harmonic extension by direct solves.

For analysis only, and for tests, which compare the results of runs with the harmonic extension:
both functions need the whole sheaf at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import linalg

from sheafnet.core.arrays import Array
from sheafnet.core.coboundary import free_coordinates, free_vertices, relative_coboundary
from sheafnet.core.cochain import Cochain
from sheafnet.core.energy import gradient, residuals
from sheafnet.core.pins import Pin, resolve_pins
from sheafnet.core.sheaf import Sheaf
from sheafnet.core.stalkpins import Pins, wholly_held
from sheafnet.errors import SolveError

SINGULAR = 1e-13
"""Ratio of the least to the largest pivot at or below which a matrix counts as singular."""

SETTLED = 1e-10
"""Largest change of a coordinate, relative to 1 + the largest stalk value, that ends the solves."""


def laplacian(
    sheaf: Sheaf, pins: Iterable[Pin], cochain: Mapping[str, Array], *, sample: int = 0
) -> sparse.csr_array:
    """Return the Laplacian L[Ω, Ω] = δᵀδ + diag(γ), linearised at one sample.

    Ω are the coordinates that no hard pin holds, δ is the coboundary on them, and γ is the total
    strength of the soft pins on each.

    Parameters
    ----------
    sheaf
        The sheaf.
    pins
        Hard and soft pins.
    cochain
        Stalks at which the maps are linearised, one array (dim, batch) per vertex. They fix the
        activation pattern.
    sample
        Index of the sample in the batch; 0 by default.

    Returns
    -------
    scipy.sparse.csr_array
        Shape (free dimension, free dimension), in the order of the sheaf.

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

    Notes
    -----
    Hansen & Ghrist, "Toward a spectral theory of cellular sheaves" (2019).
    """
    held = resolve_pins(sheaf, pins)
    delta = relative_coboundary(sheaf, cochain, held, sample=sample)
    return sparse.csr_array(delta.T @ delta + sparse.diags_array(_strengths(sheaf, held)))


def _strengths(sheaf: Sheaf, pins: Pins) -> Array:
    """Return the total strength of the soft pins on each free coordinate."""
    free = free_vertices(sheaf, wholly_held(pins))
    strengths = np.concatenate(
        [np.empty(0)]
        + [
            pins[v].weight[:, 0].astype(np.float64) if v in pins else np.zeros(sheaf.stalk_dim(v))
            for v in free
        ]
    )
    return np.asarray(strengths[free_coordinates(sheaf, pins)])


def harmonic_extension(
    sheaf: Sheaf,
    pins: Iterable[Pin],
    start: Mapping[str, Array] | None = None,
    *,
    max_solves: int | None = None,
) -> Cochain:
    """Return a cochain at which E is stationary subject to the pins, by direct solves.

    If every map is linear or affine, the first solve gives the minimiser and a second confirms
    it. Otherwise these are Gauss–Newton steps: linearise at the present cochain, solve, and
    repeat until the cochain no longer changes. On a network with only the input pinned each solve
    settles one more layer, so that the result is the forward pass, the only minimiser there. With
    more pins there may be several stationary cochains, and ``start`` determines which is found.

    Parameters
    ----------
    sheaf
        The sheaf.
    pins
        Hard and soft pins.
    start
        Cochain at which the maps are linearised first, one array (dim, batch) per vertex. None
        (default) starts from zeros. Hard pins override its values.
    max_solves
        Largest number of solves per sample. None (default) allows 2 × (number of vertices) + 10.

    Returns
    -------
    sheafnet.Cochain
        In float64. Its batch is that of ``start`` or of the pins, and 1 if neither gives one.

    Raises
    ------
    UnknownNameError
        If a pin names a vertex that the sheaf does not have, or ``start`` is a
        ``sheafnet.Cochain`` and lacks a vertex.
    ShapeError
        If a pin's value does not fit its stalk, its coordinates or the batch of ``start``, or two
        pins have different batches.
    NonFiniteError, EmptyBatchError
        If a pin's value holds NaN or infinity, or has no samples.
    PinError
        If two hard pins disagree, or the coordinates or strength of a pin are invalid.
    SolveError
        If the Laplacian is singular to working precision, or the cochain still changes after
        ``max_solves`` solves.
    """
    held = resolve_pins(sheaf, pins, None if start is None else start[sheaf.vertices[0]].shape[1])
    batch = next((stalk.value.shape[1] for stalk in held.values()), 1)
    stalks = {v: np.zeros((sheaf.stalk_dim(v), batch)) for v in sheaf.vertices}
    if start is not None:
        stalks |= {vertex: np.array(start[vertex], dtype=np.float64) for vertex in sheaf.vertices}
    stalks |= {vertex: stalk.imposed_on(stalks[vertex]) for vertex, stalk in held.items()}
    solves = max_solves or 2 * len(sheaf.vertices) + 10
    samples = [
        _solve_sample(
            sheaf,
            {v: stalk.samples(slice(s, s + 1)) for v, stalk in held.items()},
            {v: x[:, [s]] for v, x in stalks.items()},
            s,
            solves,
        )
        for s in range(batch)
    ]
    return Cochain({v: np.hstack([one[v] for one in samples]) for v in sheaf.vertices})


def _solve_sample(
    sheaf: Sheaf,
    pins: Pins,
    stalks: dict[str, Array],
    sample: int,
    max_solves: int,
) -> dict[str, Array]:
    """Return the stalks of one sample at which E is stationary, from stalks of shape (dim, 1).

    Raises
    ------
    SolveError
        If a linear system is singular to working precision, or the stalks still change after
        ``max_solves`` solves.
    """
    free = free_vertices(sheaf, wholly_held(pins))
    if not free:
        return stalks
    splits = np.cumsum([sheaf.stalk_dim(v) for v in free])[:-1]
    moving, strengths = free_coordinates(sheaf, pins), _strengths(sheaf, pins)
    for _ in range(max_solves):
        delta = relative_coboundary(sheaf, stalks, pins)
        if delta.shape[0] == delta.shape[1] and not strengths.any():
            # δ is square: solve δ step = −r directly, since the condition of δᵀδ is that of δ
            # squared.
            apart = residuals(sheaf, stalks)
            step = -_solve(delta, np.concatenate([apart[e.name] for e in sheaf.edges]))
        else:
            force = gradient(sheaf, stalks, pins)
            normal = sparse.csr_array(delta.T @ delta + sparse.diags_array(strengths))
            step = _solve(normal, np.concatenate([force[v] for v in free])[moving])
        change = np.zeros((len(moving), 1))
        change[moving] = step
        parts = np.split(change, splits)
        stalks = stalks | {v: stalks[v] - part for v, part in zip(free, parts, strict=True)}
        size = max(float(np.abs(x).max()) for x in stalks.values())
        if float(np.abs(change).max()) <= SETTLED * (1.0 + size):
            return stalks
    raise SolveError(
        f"sample {sample}: the activation pattern did not settle in {max_solves} solves; "
        "start nearer to the answer, or use a rule that can rest on a kink"
    )


def _solve(matrix: sparse.csr_array, right: Array) -> Array:
    """Return the solution of a sparse linear system.

    Raises
    ------
    SolveError
        If the matrix is singular to working precision.
    """
    # Columns are scaled to norm 1, so that large weights do not make the matrix look singular.
    norms = linalg.norm(matrix, axis=0)
    scale = np.divide(1.0, norms, out=np.ones_like(norms), where=norms > 0.0)
    try:
        factor = linalg.splu(sparse.csc_array(matrix @ sparse.diags_array(scale)))
    except RuntimeError:
        pivots: NDArray[np.floating] = np.zeros(1)
    else:
        pivots = np.abs(factor.U.diagonal())
    if pivots.min() <= SINGULAR * pivots.max():
        raise SolveError(
            "the Laplacian on the free coordinates is singular to working precision: the pins "
            "do not determine the rest, or the maps differ too much in scale; pin more vertices "
            "or rescale the maps"
        )
    return np.asarray(factor.solve(right) * scale[:, None])
