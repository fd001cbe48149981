"""The coboundary as a matrix, for analysis only: it sees the whole sheaf at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sheafnet.core.arrays import Array
from sheafnet.core.maps import RestrictionMap
from sheafnet.core.sheaf import Sheaf
from sheafnet.core.stalkpins import Pins, wholly_held


def linearised(restriction: RestrictionMap, x: Array) -> Array:
    """Return DF(x), shape (edge dim, vertex dim), at one sample ``x`` of shape (dim,).

    Built from ``pullback`` alone, one edge coordinate a column, so that any map has one.
    """
    dim = restriction.codomain_dim(len(x))
    repeated = np.repeat(x[:, None], dim, axis=1)
    return restriction.pullback(repeated, np.eye(dim, dtype=x.dtype)).T


def free_vertices(sheaf: Sheaf, pinned: Iterable[str]) -> list[str]:
    """Return the vertices that are not pinned, in the order of the sheaf."""
    held = set(pinned)
    for vertex in held:
        sheaf.graph.require(vertex)
    return [vertex for vertex in sheaf.vertices if vertex not in held]


def coboundary(
    sheaf: Sheaf, cochain: Mapping[str, Array], *, pinned: Iterable[str] = (), sample: int = 0
) -> sparse.csr_array:
    """Return δ linearised at one sample, restricted to the free vertices.

    Parameters
    ----------
    sheaf
        The sheaf.
    cochain
        Where to linearise; any cochain will do where every map is linear.
    pinned
        Vertices whose columns are left out.
    sample
        Which column of the batch.

    Returns
    -------
    scipy.sparse.csr_array
        Head minus tail, shape (sum of edge dims, sum of free vertex dims), both in the order
        of the sheaf.
    """
    free_dims = {vertex: sheaf.stalk_dim(vertex) for vertex in free_vertices(sheaf, pinned)}
    edge_dims = {edge.name: sheaf.edge_dim(edge.name) for edge in sheaf.edges}
    column, row = _offsets(free_dims), _offsets(edge_dims)
    values: list[Array] = [np.empty(0)]
    rows, columns = [np.empty(0, int)], [np.empty(0, int)]
    for edge in sheaf.edges:
        for end, restriction, sign in (
            (edge.tail, edge.tail_map, -1.0),
            (edge.head, edge.head_map, 1.0),
        ):
            if end not in free_dims:
                continue
            block = sign * linearised(restriction, cochain[end][:, sample])
            i, j = np.nonzero(block)
            values.append(block[i, j])
            rows.append(i + row[edge.name])
            columns.append(j + column[end])
    shape = (sum(edge_dims.values()), sum(free_dims.values()))
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.csr_array(sparse.coo_array(entries, shape=shape))


def free_coordinates(sheaf: Sheaf, pins: Pins) -> NDArray[np.bool_]:
    """Return which coordinates of the vertices that are not wholly held are free, in order."""
    free = free_vertices(sheaf, wholly_held(pins))
    return np.concatenate(
        [np.empty(0, bool)]
        + [~pins[v].held if v in pins else np.ones(sheaf.stalk_dim(v), bool) for v in free]
    )


def relative_coboundary(
    sheaf: Sheaf, cochain: Mapping[str, Array], pins: Pins, *, sample: int = 0
) -> sparse.csr_array:
    """Return δ restricted to the free coordinates; see ``coboundary``."""
    delta = coboundary(sheaf, cochain, pinned=wholly_held(pins), sample=sample)
    return sparse.csr_array(delta[:, np.flatnonzero(free_coordinates(sheaf, pins))])


def _offsets(dims: Mapping[str, int]) -> dict[str, int]:
    """Return where the block of each name begins."""
    ends = np.cumsum([0, *dims.values()]).tolist()
    return dict(zip(dims, ends, strict=False))
