"""The energy around one vertex, and its gradient, from nothing but what the vertex sees.

Both what a vertex does and what is computed afresh on a whole cochain come from here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sheafnet.core.arrays import Array
from sheafnet.core.incidence import Incidence
from sheafnet.core.stalkpins import StalkPins


def gradient(
    incidences: Sequence[Incidence],
    pins: StalkPins | None,
    stalk: Array,
    projections: Sequence[Array],
    heard: Sequence[Array],
    *,
    from_left: bool = False,
) -> Array:
    """Return ∇E at the vertex, shape (dim, batch), as a new array.

    Parameters
    ----------
    incidences
        Its ends of its edges.
    pins
        Its pins; soft ones pull, hard ones do not matter here.
    stalk
        x, shape (dim, batch).
    projections, heard
        F x of the vertex and of the neighbour, one for each incidence.
    from_left
        Take the derivative from the left where a coordinate is on a kink.
    """
    forces = [
        inc.force(stalk, own, other, from_left=from_left)
        for inc, own, other in zip(incidences, projections, heard, strict=True)
    ]
    if pins is not None and pins.springs:
        forces.append(pins.pull(stalk))
    if not forces:
        return np.zeros_like(stalk)
    total = forces[0]
    for force in forces[1:]:
        total += force
    return total


def descent(
    incidences: Sequence[Incidence],
    pins: StalkPins | None,
    stalk: Array,
    projections: Sequence[Array],
    heard: Sequence[Array],
    right: Array,
) -> Array:
    """Return the part of ∇E that can move the vertex: 0 where it is held or settled on a kink.

    On a kink the energy has a derivative to the left and one to the right. A coordinate is
    settled there if the left one is ≤ 0 and the right one ≥ 0; if one of them is violated,
    that is the force, and if both are, the larger.

    Parameters
    ----------
    incidences, pins, stalk, projections, heard
        As in ``gradient``.
    right
        What ``gradient`` gives.
    """
    force = right
    # Asked in every step: hardly ever is a coordinate exactly 0.
    if any(inc.map.has_kinks for inc in incidences) and not stalk.all():
        left = gradient(incidences, pins, stalk, projections, heard, from_left=True)
        upward = -right >= left
        force = np.where(upward, np.minimum(right, 0.0), np.maximum(left, 0.0))
        force = np.where(stalk == 0.0, force, right)
    if pins is not None and pins.held.any():
        force = np.where(pins.held[:, None], 0.0, force)
    return force


def resting_on_kinks(
    incidences: Sequence[Incidence],
    pins: StalkPins | None,
    stalk: Array,
    projections: Sequence[Array],
    heard: Sequence[Array],
) -> NDArray[np.bool_]:
    """Return which coordinates and samples rest on a kink: at 0, where ∇E jumps over 0."""
    if not any(inc.map.has_kinks for inc in incidences):
        return np.zeros(stalk.shape, dtype=bool)
    right = gradient(incidences, pins, stalk, projections, heard)
    left = gradient(incidences, pins, stalk, projections, heard, from_left=True)
    free = True if pins is None else ~pins.held[:, None]
    return np.asarray((stalk == 0.0) & (left <= 0.0) & (right >= 0.0) & (left < right) & free)
