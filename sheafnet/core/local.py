"""The gradient of the energy around one vertex, from data that the vertex itself holds.

The data are the vertex's stalk, maps and pins, and the latest projection of each neighbour. The
*force* on a vertex is the part of −∇E that can move it. These functions are used by the vertices of
a run, and by ``sheafnet.core.energy`` for a whole cochain, so that each formula is written once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sheafnet.core.arrays import Array, has_zero
from sheafnet.core.incidence import Incidence
from sheafnet.core.stalkpins import StalkPins


def gradient(
    incidences: Sequence[Incidence],
    pins: StalkPins | None,
    stalk: Array,
    projections: Sequence[Array],
    latest: Sequence[Array],
) -> Array:
    """Return the gradient of the energy E in the stalk, shape (dim, batch), as a new array.

    For a coordinate on a kink (a point where the derivative of E jumps), the entry is the
    derivative from the right.

    Parameters
    ----------
    incidences
        The incidences of the vertex (its ends of edges), in edge order.
    pins
        Pins of the vertex; None if it has none. Only soft pins contribute to the gradient.
    stalk
        Stalk x of the vertex, shape (dim, batch).
    projections
        For each incidence, the projection F x of the vertex, shape (edge dim, batch).
    latest
        For each incidence, the latest projection of the neighbour, shape (edge dim, batch).
    """
    total: Array | None = None
    for end, inc in enumerate(incidences):
        force = inc.force(stalk, projections[end], latest[end])
        if total is None:
            total = force
        else:
            total += force
    if total is None:
        total = np.zeros_like(stalk)
    if pins is not None and pins.springs:
        total += pins.pull(stalk)
    return total


def descent(
    incidences: Sequence[Incidence],
    pins: StalkPins | None,
    stalk: Array,
    projections: Sequence[Array],
    latest: Sequence[Array],
) -> Array:
    """Return minus the force on the vertex, that is, the part of ∇E that can move the vertex.

    An entry is 0 if a hard pin holds the coordinate or if the coordinate is settled on a kink. On
    a kink the energy has a left derivative and a right derivative. A coordinate on a kink is
    settled if the left derivative is ≤ 0 and the right derivative is ≥ 0. The energy then falls on
    neither side. If only one of these two conditions fails, the entry is the derivative for which
    it fails. If both fail, the entry is the derivative of larger magnitude.

    The parameters are the same as for ``gradient``.

    Returns
    -------
    numpy.ndarray
        Shape (dim, batch); a new array.
    """
    force = gradient(incidences, pins, stalk, projections, latest)
    kinks = [inc.map.kink for inc in incidences]
    # Coordinates that are exactly 0 are rare. Therefore this block is skipped in most steps.
    if any(kinks) and has_zero(stalk):
        at = np.flatnonzero(stalk == 0.0)
        to_right, to_left = _sides(kinks, at, projections, latest, force)
        upward = -to_right >= to_left
        force.flat[at] = np.where(upward, np.minimum(to_right, 0.0), np.maximum(to_left, 0.0))
    if pins is not None:
        force[pins.held] = 0.0
    return force


def resting_on_kinks(
    incidences: Sequence[Incidence],
    pins: StalkPins | None,
    stalk: Array,
    projections: Sequence[Array],
    latest: Sequence[Array],
) -> NDArray[np.bool_]:
    """Return a mask, shape (dim, batch), of the entries of the stalk that rest on a kink.

    An entry of the stalk rests on a kink if it is 0, if no hard pin holds it, and if the derivative
    of the energy jumps there from a left value ≤ 0 to a larger right value ≥ 0.

    The parameters are the same as for ``gradient``.
    """
    resting = np.zeros(stalk.shape, dtype=bool)
    kinks = [inc.map.kink for inc in incidences]
    if any(kinks):
        right = gradient(incidences, pins, stalk, projections, latest)
        at = np.flatnonzero(stalk == 0.0)
        to_right, to_left = _sides(kinks, at, projections, latest, right)
        resting.flat[at] = (to_left <= 0.0) & (to_right >= 0.0) & (to_left < to_right)
    return resting if pins is None else resting & ~pins.held[:, None]


def _sides(
    kinks: Sequence[float],
    at: NDArray[np.intp],
    projections: Sequence[Array],
    latest: Sequence[Array],
    right: Array,
) -> tuple[Array, Array]:
    """Return the right and the left derivatives of the energy, in this order, at some entries.

    ``at`` contains the indices of these entries in the flattened stalk; the entries are 0.
    ``kinks`` contains for each incidence the jump of the derivative of its map at 0. ``right`` is
    the gradient as the function ``gradient`` returns it, with the derivatives from the right.
    """
    to_right = right.flat[at]
    to_left = to_right
    for kink, own, other in zip(kinks, projections, latest, strict=True):
        if kink:
            to_left = to_left - kink * (own.flat[at] - other.flat[at])
    return to_right, to_left
