"""Residuals, discord, energy and stationarity of a whole cochain.

A run never needs these: each vertex works from its own star. They are for assembling a
result and for testing what the vertices did.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sheafnet.core import local
from sheafnet.core.arrays import Array, largest
from sheafnet.core.incidence import Incidence
from sheafnet.core.sheaf import Sheaf
from sheafnet.core.stalkpins import Pins, StalkPins


def residuals(sheaf: Sheaf, cochain: Mapping[str, Array]) -> dict[str, Array]:
    """Return r of every edge, tail's projection minus head's, shape (edge dim, batch)."""
    return {
        e.name: e.tail_map.apply(cochain[e.tail]) - e.head_map.apply(cochain[e.head])
        for e in sheaf.edges
    }


def pin_residuals(pins: Pins, cochain: Mapping[str, Array]) -> dict[str, Array]:
    """Return √γ (x − value) of every soft pin, shape (dim, batch), 0 where it does not pull."""
    return {
        spring.name: spring.residual(cochain[vertex])
        for vertex, stalk in pins.items()
        for spring in stalk.springs
    }


def discord(residuals: Mapping[str, Array]) -> dict[str, float]:
    """Return the mean over the batch of ‖r‖² for every edge (Bosca & Ghrist 2026)."""
    return {edge: float(np.sum(r * r) / r.shape[1]) for edge, r in residuals.items()}


def energy(sheaf: Sheaf, cochain: Mapping[str, Array], pins: Pins) -> float:
    """Return E over all edges, soft pins and samples.

    ½ Σ ‖r‖², but for edges whose map brings a loss of its own.
    """
    total = 0.5 * sum(float(np.sum(r * r)) for r in pin_residuals(pins, cochain).values())
    for e in sheaf.edges:
        x = cochain[e.tail]
        total += e.tail_map.energy(x, e.tail_map.apply(x), e.head_map.apply(cochain[e.head]))
    return total


def energy_by_sample(sheaf: Sheaf, cochain: Mapping[str, Array], pins: Pins) -> Array:
    """Return E of every sample by itself, shape (batch,); they add up to ``energy``."""
    batch = cochain[sheaf.vertices[0]].shape[1]
    return np.array(
        [
            energy(
                sheaf,
                {vertex: x[:, [n]] for vertex, x in cochain.items()},
                {vertex: stalk.samples(slice(n, n + 1)) for vertex, stalk in pins.items()},
            )
            for n in range(batch)
        ]
    )


def gradient(sheaf: Sheaf, cochain: Mapping[str, Array], pins: Pins) -> dict[str, Array]:
    """Return ∇E at every vertex, shape (dim, batch), held or not."""
    return {
        vertex: local.gradient(*_seen(sheaf, cochain, pins, vertex)) for vertex in sheaf.vertices
    }


def stationarity(sheaf: Sheaf, cochain: Mapping[str, Array], pins: Pins) -> dict[str, float]:
    """Return the largest force over coordinates and samples for every vertex.

    The force is |∇E|, and 0 where a coordinate is held or settled on a kink; see
    ``local.descent``.
    """
    forces = {}
    for vertex in sheaf.vertices:
        forces[vertex] = largest(local.descent(*_seen(sheaf, cochain, pins, vertex)))
    return forces


def kinks(sheaf: Sheaf, cochain: Mapping[str, Array], pins: Pins) -> dict[str, int]:
    """Return how many coordinates and samples of every vertex rest on a kink."""
    return {
        vertex: int(np.count_nonzero(local.resting_on_kinks(*_seen(sheaf, cochain, pins, vertex))))
        for vertex in sheaf.vertices
    }


def _seen(
    sheaf: Sheaf, cochain: Mapping[str, Array], pins: Pins, vertex: str
) -> tuple[tuple[Incidence, ...], StalkPins | None, Array, list[Array], list[Array]]:
    """Return what a vertex would see: the arguments of the functions in ``local``."""
    incidences = sheaf.incidences(vertex)
    own = [inc.map.apply(cochain[vertex]) for inc in incidences]
    latest = [
        sheaf.map_at(inc.edge, inc.neighbour).apply(cochain[inc.neighbour]) for inc in incidences
    ]
    return incidences, pins.get(vertex), cochain[vertex], own, latest
