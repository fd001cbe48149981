"""Sheaves that several tests share."""

from __future__ import annotations

import itertools

import numpy as np

import sheafnet as sn
from sheafnet.core.arrays import Array


def grid(side: int) -> sn.Sheaf:
    """Return the constant sheaf with stalks of dimension 2 on a ``side`` by ``side`` grid."""
    same = sn.Identity()
    names = {(i, j): f"v{i}_{j}" for i in range(side) for j in range(side)}
    edges = [
        sn.Edge(f"{names[i, j]}-{names[k, m]}", names[i, j], names[k, m], same, same)
        for (i, j), (k, m) in itertools.combinations(names, 2)
        if abs(i - k) + abs(j - m) == 1
    ]
    return sn.Sheaf(dict.fromkeys(names.values(), 2), edges)


def chorded_cycle(seed: int) -> sn.Sheaf:
    """Return a random linear sheaf on a cycle of nine vertices with three chords.

    Stalks have dimensions 1 to 3, and both ends of an edge have random linear maps.
    """
    rng = np.random.default_rng(seed)
    size = 9
    stalks = {f"v{i}": int(rng.integers(1, 4)) for i in range(size)}
    pairs = [(i, (i + 1) % size) for i in range(size)] + [(0, 4), (2, 7), (3, 8)]

    def onto(vertex: int, dim: int) -> sn.Linear:
        return sn.Linear(rng.standard_normal((dim, stalks[f"v{vertex}"])))

    edges = []
    for i, j in pairs:
        dim = int(rng.integers(1, 4))
        edges.append(sn.Edge(f"e{i}{j}", f"v{i}", f"v{j}", onto(i, dim), onto(j, dim)))
    return sn.Sheaf(stalks, edges)


class PoisonedGate(sn.ReluGate):
    """A map that returns its argument, with NaN for entries larger than 2 in absolute value."""

    def apply(self, x: Array) -> Array:
        return np.where(np.abs(x) > 2.0, np.nan, x)
