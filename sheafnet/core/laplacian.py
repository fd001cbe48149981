"""The restricted sheaf Laplacian, and the harmonic extension by direct solves.

Both functions are for analysis and for tests only, because they need the whole sheaf at once. The
tests compare the results of runs with the harmonic extension.
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
"""Largest ratio of the smallest to the largest pivot at which a matrix counts as singular."""

SETTLED = 1e-10
"""Relative tolerance of the repeated solves in ``harmonic_extension``.

The solves end when no coordinate changes by more than this number times (1 + m), where m is the
largest absolute value in the stalks.
"""


def laplacian(
    sheaf: Sheaf, pins: Iterable[Pin], cochain: Mapping[str, Array], *, sample: int = 0
) -> sparse.csr_array:
    """Return the Laplacian L[Ω, Ω] = δᵀδ + diag(γ), linearised at one sample.

    Ω is the set of the free coordinates, that is, those that no hard pin holds. δ is the coboundary
    on Ω (head minus tail), and γ is the total strength of the soft pins on each coordinate of Ω.

    Parameters
    ----------
    sheaf
        The sheaf.
    pins
        Hard and soft pins.
    cochain
        Stalks at which the maps are linearised, one array (dim, batch) per vertex. They determine
        which units are active.
    sample
        Index of the sample in the batch; 0 by default.

    Returns
    -------
    scipy.sparse.csr_array
        Square, with one row and one column for each free coordinate, in the order of the sheaf.

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

    Notes
    -----
    The sheaf Laplacian is defined in Hansen & Ghrist, "Toward a spectral theory of cellular
    sheaves" (2019).
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
    """Return a cochain at which the energy E is stationary subject to the pins, by direct solves.

    If every map is linear or affine, the first solve gives the minimiser and a second solve
    confirms it. Otherwise each solve is an iteration of the Gauss–Newton method: the maps are
    linearised at the present cochain, and the linear system is solved. The iterations end when the
    cochain no longer changes. If only the input of a network is pinned, the first solve determines
    the stalks of the first layer, and each further solve the stalks of one more layer. The result
    is then the forward pass, which is the only minimiser. With more pins there may be several
    stationary cochains, and ``start`` determines which of them is found.

    Parameters
    ----------
    sheaf
        The sheaf.
    pins
        Hard and soft pins.
    start
        Cochain at which the maps are linearised for the first solve, one array (dim, batch) per
        vertex. With None (default) all its stalks are 0. In both cases the coordinates that hard
        pins hold are set to the values of these pins.
    max_solves
        Largest number of solves per sample, at least 1. With None (default) it is
        2 × (number of vertices) + 10.

    Returns
    -------
    sheafnet.Cochain
        The stationary cochain, in float64. It has as many samples as ``start`` and the values of
        the pins. It has one sample if ``start`` is None and every pin has one value for all
        samples.

    Raises
    ------
    UnknownNameError
        If a pin names a vertex that the sheaf does not have, or if ``start`` is a
        ``sheafnet.Cochain`` without a stalk for some vertex of the sheaf.
    ShapeError
        If the shape of a pin's value does not match the number of pinned coordinates or the batch
        of ``start``, or if two pins have values for different numbers of samples.
    NonFiniteError
        If the value of a pin holds NaN or infinity.
    EmptyBatchError
        If the value of a pin has no samples.
    PinError
        If two hard pins hold a coordinate at different values, if the coordinates of a pin are
        not indices of its stalk or one is repeated, or if a strength is not positive and finite.
    SolveError
        If the Laplacian on the free coordinates is singular to working precision, or if the
        cochain still changes after ``max_solves`` solves.
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
    """Return the stalks of one sample at which E is stationary, each of shape (dim, 1).

    ``stalks`` are the stalks at which the maps are linearised for the first solve. ``sample`` is
    the index of the sample, for the error message.

    Raises
    ------
    SolveError
        If a linear system is singular to working precision, or if the stalks still change after
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
            # Since δ is square, the system with δ itself can be solved. The condition number of
            # δᵀδ is the square of the condition number of δ.
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
    # The columns are scaled to norm 1. Large weights make pivots of very different sizes, and a
    # regular matrix would then count as singular.
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
