"""The energy around one vertex, and its gradient, from nothing but what the vertex sees.

Both what a vertex does and what is computed afresh on a whole cochain come from here.
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

    Where a coordinate is on a kink the derivative is that from the right.

    Parameters
    ----------
    incidences
        Its ends of its edges.
    pins
        Its pins; soft ones pull, hard ones do not matter here.
    stalk
        x, shape (dim, batch).
    projections, latest
        F x of the vertex and of the neighbour, one for each incidence.
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
    """Return the part of ∇E that can move the vertex: 0 where it is held or settled on a kink.

    On a kink the energy has a derivative to the left and one to the right. A coordinate is
    settled there if the left one is ≤ 0 and the right one ≥ 0; if one of them is violated,
    that is the force, and if both are, the larger.

    Takes what ``gradient`` does; a new array as well.
    """
    force = gradient(incidences, pins, stalk, projections, latest)
    kinks = [inc.map.kink for inc in incidences]
    # Asked in every step: hardly ever is a coordinate exactly 0.
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
    """Return which coordinates and samples rest on a kink: at 0, where ∇E jumps over 0."""
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
    """Return ∇E to the right and to the left where the flattened stalk is 0, at ``at``."""
    to_right = right.flat[at]
    to_left = to_right
    for kink, own, other in zip(kinks, projections, latest, strict=True):
        if kink:
            to_left = to_left - kink * (own.flat[at] - other.flat[at])
    return to_right, to_left
