"""Residuals, discord, energy and stationarity of a whole cochain.

The vertices of a run do not use these functions, because a vertex has only its own star (its stalk,
maps and pins, and its neighbours' latest projections). These functions assemble the result of a
run. They are also an independent check of what the vertices computed. The force on a vertex is the
part of −∇E that can move it; see ``sheafnet.core.local.descent``.
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
    """Return the residual of every edge: tail minus head projection, shape (edge dim, batch)."""
    return {
        e.name: e.tail_map.apply(cochain[e.tail]) - e.head_map.apply(cochain[e.head])
        for e in sheaf.edges
    }


def pin_residuals(pins: Pins, cochain: Mapping[str, Array]) -> dict[str, Array]:
    """Return the residual √γ (x − value) of every soft pin with strength γ on a stalk x.

    Returns
    -------
    dict
        Name of the pin → its residual, shape (dim, batch). Entries are 0 in the coordinates that
        the pin does not pull.
    """
    return {
        spring.name: spring.residual(cochain[vertex])
        for vertex, stalk in pins.items()
        for spring in stalk.springs
    }


def discord(residuals: Mapping[str, Array]) -> dict[str, float]:
    """Return the discord of every edge: the mean of ‖r‖² over the batch (Bosca & Ghrist 2026).

    Parameters
    ----------
    residuals
        Edge name → residual r, shape (edge dim, batch).
    """
    return {edge: float(np.sum(r * r) / r.shape[1]) for edge, r in residuals.items()}


def energy(sheaf: Sheaf, cochain: Mapping[str, Array], pins: Pins) -> float:
    """Return the energy E, summed over all edges, soft pins and samples.

    An edge with residual r contributes ½ Σ ‖r‖², unless its tail map defines another energy. For
    example, an output activation may define the cross-entropy as its energy. A soft pin of strength
    γ contributes ½γ Σ ‖x − value‖², where x are the coordinates that it pulls. The sums run over
    the samples.
    """
    total = 0.5 * sum(float(np.sum(r * r)) for r in pin_residuals(pins, cochain).values())
    for e in sheaf.edges:
        x = cochain[e.tail]
        total += e.tail_map.energy(x, e.tail_map.apply(x), e.head_map.apply(cochain[e.head]))
    return total


def energy_by_sample(sheaf: Sheaf, cochain: Mapping[str, Array], pins: Pins) -> Array:
    """Return the energy of each sample, shape (batch,).

    The sum of its entries is the value of ``energy``, up to rounding errors.
    """
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
    """Return, for every vertex, the gradient of E in its stalk, shape (dim, batch).

    The derivatives in coordinates that a hard pin holds are not set to 0.
    """
    return {
        vertex: local.gradient(*_seen(sheaf, cochain, pins, vertex)) for vertex in sheaf.vertices
    }


def stationarity(sheaf: Sheaf, cochain: Mapping[str, Array], pins: Pins) -> dict[str, float]:
    """Return, for every vertex, the largest magnitude of the force over coordinates and samples.

    The force is 0 in a coordinate that a hard pin holds or that is settled on a kink. In every
    other coordinate it is the entry of −∇E. On a kink, E has two one-sided derivatives;
    ``sheafnet.core.local.descent`` says which of them is used.
    """
    forces = {}
    for vertex in sheaf.vertices:
        forces[vertex] = largest(local.descent(*_seen(sheaf, cochain, pins, vertex)))
    return forces


def kinks(sheaf: Sheaf, cochain: Mapping[str, Array], pins: Pins) -> dict[str, int]:
    """Return, for every vertex, the number of entries of its stalk that rest on a kink.

    ``sheafnet.core.local.resting_on_kinks`` gives the condition.
    """
    return {
        vertex: int(np.count_nonzero(local.resting_on_kinks(*_seen(sheaf, cochain, pins, vertex))))
        for vertex in sheaf.vertices
    }


def _seen(
    sheaf: Sheaf, cochain: Mapping[str, Array], pins: Pins, vertex: str
) -> tuple[tuple[Incidence, ...], StalkPins | None, Array, list[Array], list[Array]]:
    """Return the arguments with which ``sheafnet.core.local.gradient`` is called for ``vertex``."""
    incidences = sheaf.incidences(vertex)
    own = [inc.map.apply(cochain[vertex]) for inc in incidences]
    latest = [
        sheaf.map_at(inc.edge, inc.neighbour).apply(cochain[inc.neighbour]) for inc in incidences
    ]
    return incidences, pins.get(vertex), cochain[vertex], own, latest
