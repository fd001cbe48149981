"""The gradient of the energy around one vertex, from data that the vertex itself holds.

The data are its stalk, maps and pins, and the latest projection of each neighbour. The force on a
vertex is the part of −∇E that can move it. The vertices of a run and the checks on a whole
cochain in ``sheafnet.core.energy`` both use these functions, so that each formula stands once.
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
    """Return ∇E at the vertex, shape (dim, batch), as a new array.

    In a coordinate that is on a kink, the entry is the derivative from the right.

    Parameters
    ----------
    incidences
        The vertex's ends of its edges.
    pins
        Pins of the vertex; None if it has none. Only soft pins contribute.
    stalk
        Stalk x of the vertex, shape (dim, batch).
    projections
        Projection F x of the vertex for each incidence, shape (edge dim, batch).
    latest
        Latest projection of the neighbour for each incidence, shape (edge dim, batch).
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
    """Return the part of ∇E that can move the vertex, which is minus the force on it.

    An entry is 0 where a hard pin holds the coordinate or the coordinate is settled on a kink. On
    a kink the energy has a derivative from the left and one from the right. A coordinate is
    settled there if the left derivative is ≤ 0 and the right one is ≥ 0. If one of the two
    conditions fails, the entry is that derivative; if both fail, it is the one of larger
    magnitude.

    The parameters are those of ``gradient``.

    Returns
    -------
    numpy.ndarray
        Shape (dim, batch); a new array.
    """
    force = gradient(incidences, pins, stalk, projections, latest)
    kinks = [inc.map.kink for inc in incidences]
    # Coordinates that are exactly 0 are rare: this test lets most steps skip what follows.
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

    Such an entry is 0 and not held, and the derivative of the energy jumps there from a value ≤ 0
    on the left to a larger value ≥ 0 on the right.

    The parameters are those of ``gradient``.
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
    """Return the derivatives of the energy from the right and from the left at some entries.

    ``at`` holds the indices into the flattened stalk at which it is 0, ``kinks`` the jump of the
    derivative of each incidence's map, and ``right`` the gradient with derivatives from the right.
    """
    to_right = right.flat[at]
    to_left = to_right
    for kink, own, other in zip(kinks, projections, latest, strict=True):
        if kink:
            to_left = to_left - kink * (own.flat[at] - other.flat[at])
    return to_right, to_left
