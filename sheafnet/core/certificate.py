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
    """Return, for every sample, an upper bound on the distance to a minimum of the energy.

    An activation pattern is the set of cochains with the same units active. Within one pattern
    the energy E equals a quadratic. If the least eigenvalue λ1 of the Hessian of this quadratic is
    positive, the minimiser x* of the quadratic satisfies ‖x − x*‖₂ ≤ ‖∇E(x)‖₂/λ1. The right-hand
    side is the bound, here called the radius. Suppose that every gated coordinate of x is farther
    from 0 than the radius. Then the ball around x with this radius lies within the pattern of x,
    and x* is a minimum of E itself. A small gradient alone does not make the bound small, because
    λ1 is small on a badly conditioned sheaf.

    Parameters
    ----------
    sheaf
        The sheaf.
    pins
        Hard and soft pins. The energy is minimised over the coordinates that no hard pin holds.
    cochain
        The cochain x from which the distance is measured, one array (dim, batch) per vertex.

    Returns
    -------
    numpy.ndarray
        Shape (batch,). The distance is the Euclidean norm over the free coordinates (those that no
        hard pin holds). An entry is infinite if no bound is known for the sample. This is so if
        the distance of a gated coordinate from its kink is at most the radius, if the gradient is
        not finite, or if the pins do not determine the free coordinates (λ1 ≤ 0). All entries are
        infinite if some map of the sheaf is not the identity, a linear or affine map, or a ReLU
        gate. All entries are 0 if there are no free coordinates.

    Raises
    ------
    UnknownNameError
        If a pin names a vertex that the sheaf does not have, or if ``cochain`` is a
        ``sheafnet.Cochain`` without a stalk for some vertex of the sheaf.
    ShapeError
        If the shape of a pin's value does not match the number of pinned coordinates or the batch
        of ``cochain``.
    NonFiniteError
        If the value of a pin holds NaN or infinity.
    EmptyBatchError
        If the value of a pin has no samples.
    PinError
        If two hard pins hold a coordinate at different values, if the coordinates of a pin are
        not indices of its stalk or one is repeated, or if a strength is not positive and finite.
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
    with np.errstate(over="ignore", invalid="ignore"):  # After an overflow the bound is inf.
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
