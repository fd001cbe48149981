"""An upper bound on the distance from a cochain to a minimum of the energy.

For analysis only: the bound needs the Laplacian of the whole sheaf.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from sheafnet.core.arrays import Array
from sheafnet.core.coboundary import free_coordinates, free_vertices
from sheafnet.core.energy import gradient
from sheafnet.core.laplacian import laplacian
from sheafnet.core.maps import Identity, Linear, ReluGate
from sheafnet.core.pins import Pin, resolve_pins
from sheafnet.core.sheaf import Sheaf
from sheafnet.core.stalkpins import wholly_held


def error_bound(sheaf: Sheaf, pins: Iterable[Pin], cochain: Mapping[str, Array]) -> Array:
    """Return an upper bound on the distance to a minimum of the energy for every sample.

    Within one activation pattern the energy is a quadratic. If its Hessian has the least
    eigenvalue λ1 > 0, its minimum x* satisfies ‖x − x*‖₂ ≤ ‖∇E‖₂/λ1. This x* is a minimum of the
    energy itself if the ball of that radius around x lies within the pattern, that is, if every
    gated coordinate of x is farther from 0 than the radius. A small gradient alone does not
    bound the distance: on a badly conditioned sheaf λ1 is small.

    Parameters
    ----------
    sheaf
        The sheaf.
    pins
        Hard and soft pins. The energy is minimised over the coordinates that no hard pin holds.
    cochain
        The cochain x whose distance is bounded, one array (dim, batch) per vertex.

    Returns
    -------
    numpy.ndarray
        Shape (batch,), in the Euclidean norm over all free coordinates. Infinite for a sample
        where the bound does not hold: a gated coordinate lies within the radius of its kink, the
        gradient is not finite, or the pins do not determine the free coordinates (λ1 ≤ 0).
        Infinite for all samples if a map is neither linear or affine nor a ReLU gate.

    Raises
    ------
    UnknownNameError
        If a pin names a vertex that the sheaf does not have, or a ``sheafnet.Cochain`` lacks a
        vertex of the sheaf.
    ShapeError
        If a pin's value does not fit its stalk, its coordinates or the batch of the cochain.
    NonFiniteError, EmptyBatchError
        If a pin's value holds NaN or infinity, or has no samples.
    PinError
        If two hard pins disagree, or the coordinates or strength of a pin are invalid.
    """
    given = list(pins)
    batch = cochain[sheaf.vertices[0]].shape[1]
    bounds = np.full(batch, np.inf)
    maps = [m for edge in sheaf.edges for m in (edge.tail_map, edge.head_map)]
    if not all(isinstance(m, Identity | Linear | ReluGate) for m in maps):
        return bounds
    resolved = resolve_pins(sheaf, given, batch)
    free = free_vertices(sheaf, wholly_held(resolved))
    if not free:
        return np.zeros(batch)
    moving = free_coordinates(sheaf, resolved)
    with np.errstate(over="ignore", invalid="ignore"):  # An overflow leaves the bound infinite.
        force = gradient(sheaf, cochain, resolved)
    forces = np.concatenate([force[vertex] for vertex in free])[moving]
    gated = {
        end
        for edge in sheaf.edges
        for end, restriction in ((edge.tail, edge.tail_map), (edge.head, edge.head_map))
        if isinstance(restriction, ReluGate)
    }
    nearest = np.min(
        [np.full(batch, np.inf), *(np.abs(cochain[v]).min(axis=0) for v in gated)], axis=0
    )
    for sample in np.flatnonzero(np.isfinite(forces).all(axis=0)).tolist():
        lowest = float(
            np.linalg.eigvalsh(laplacian(sheaf, given, cochain, sample=sample).toarray())[0]
        )
        if lowest > 0.0:
            bound = float(np.linalg.norm(forces[:, sample].astype(np.float64))) / lowest
            bounds[sample] = bound if nearest[sample] > bound else np.inf
    return bounds
