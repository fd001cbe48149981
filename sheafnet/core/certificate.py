"""A bound on the distance to the stationary cochain, where one is known. For analysis only."""

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
    """Return an upper bound on the distance to a minimum for every sample.

    In one activation pattern the energy is a quadratic whose least eigenvalue is λ1, so that its
    minimum x* is no farther than ‖x − x*‖₂ ≤ ‖∇E‖₂/λ1. That x* is a minimum of the energy if the
    ball of that radius stays in the pattern, that is, if no gated coordinate is as near to 0. A
    small residual alone says nothing on a badly conditioned sheaf.

    Parameters
    ----------
    sheaf
        The sheaf.
    pins
        The pins.
    cochain
        What was found.

    Returns
    -------
    numpy.ndarray
        Shape (batch,); infinite where the bound does not hold: next to or on a kink, where the
        pins do not determine the rest, and on a sheaf with maps that are neither linear nor
        gates.
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
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite gives no bound
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
