"""Residuals, discord, energy and its gradient on a whole cochain.

A run never needs these: each vertex works from its own star. They are for assembling a
result and for testing what the vertices did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from sheafnet.core.arrays import Array, largest
from sheafnet.core.sheaf import Sheaf


def residuals(sheaf: Sheaf, cochain: Mapping[str, Array]) -> dict[str, Array]:
    """Return r of every edge, tail's projection minus head's, shape (edge dim, batch)."""
    return {
        e.name: e.tail_map.apply(cochain[e.tail]) - e.head_map.apply(cochain[e.head])
        for e in sheaf.edges
    }


def discord(residuals: Mapping[str, Array]) -> dict[str, float]:
    """Return the mean over the batch of ‖r‖² for every edge (Bosca & Ghrist 2026)."""
    return {edge: float(np.sum(r * r) / r.shape[1]) for edge, r in residuals.items()}


def energy(residuals: Iterable[Array]) -> float:
    """Return E = ½ Σ ‖r‖² over edges and samples."""
    return float(sum(0.5 * np.sum(r * r) for r in residuals))


def gradient(sheaf: Sheaf, cochain: Mapping[str, Array]) -> dict[str, Array]:
    """Return ∇E at every vertex, shape (dim, batch), pinned or not."""
    onto = {
        (e.name, end): restriction.apply(cochain[end])
        for e in sheaf.edges
        for end, restriction in ((e.tail, e.tail_map), (e.head, e.head_map))
    }
    result = {}
    for vertex in sheaf.vertices:
        total = np.zeros_like(cochain[vertex])
        for inc in sheaf.incidences(vertex):
            own, heard = onto[inc.edge, vertex], onto[inc.edge, inc.neighbour]
            total += inc.force(cochain[vertex], own, heard)
        result[vertex] = total
    return result


def stationarity(
    sheaf: Sheaf, cochain: Mapping[str, Array], pinned: Iterable[str]
) -> dict[str, float]:
    """Return the largest |∇E| over coordinates and samples for every vertex, 0 if pinned."""
    held = set(pinned)
    return {
        vertex: 0.0 if vertex in held else largest(force)
        for vertex, force in gradient(sheaf, cochain).items()
    }
