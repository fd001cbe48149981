"""The coboundary as a sparse matrix, and the free vertices and coordinates of a pinned sheaf.

For analysis only: the matrix is assembled from the whole sheaf at once.
"""

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
    """Return the Jacobian DF(x) of a restriction map at one sample.

    It is assembled from ``pullback`` of the unit vectors of the edge stalk, so that it exists for
    every map. An output activation with the force of the cross-entropy does not pull back with
    its derivative; for such a map the result is its strength times the identity.

    Parameters
    ----------
    restriction
        The map F.
    x
        One sample of the vertex stalk, shape (vertex dim,).

    Returns
    -------
    numpy.ndarray
        Shape (edge dim, vertex dim).

    Raises
    ------
    ShapeError
        If the map cannot act on a stalk of that dimension.
    """
    dim = restriction.codomain_dim(len(x))
    repeated = np.repeat(x[:, None], dim, axis=1)
    return restriction.pullback(repeated, np.eye(dim, dtype=x.dtype)).T


def free_vertices(sheaf: Sheaf, pinned: Iterable[str]) -> list[str]:
    """Return the vertices that are not in ``pinned``, in the order of the sheaf.

    Raises
    ------
    UnknownNameError
        If ``pinned`` names a vertex that the sheaf does not have.
    """
    held = set(pinned)
    for vertex in held:
        sheaf.graph.require(vertex)
    return [vertex for vertex in sheaf.vertices if vertex not in held]


def coboundary(
    sheaf: Sheaf, cochain: Mapping[str, Array], *, pinned: Iterable[str] = (), sample: int = 0
) -> sparse.csr_array:
    """Return the coboundary δ, linearised at one sample and restricted to the free vertices.

    δ takes head minus tail, so that δx is minus the residuals, up to the affine part of the maps.

    Parameters
    ----------
    sheaf
        The sheaf.
    cochain
        Stalks at which the maps are linearised, one array (dim, batch) per vertex. The values
        do not matter if every map is linear or affine.
    pinned
        Names of the vertices whose columns are left out; none by default.
    sample
        Index of the sample in the batch; 0 by default.

    Returns
    -------
    scipy.sparse.csr_array
        Shape (sum of edge dims, sum of free vertex dims), both in the order of the sheaf.

    Raises
    ------
    UnknownNameError
        If ``pinned`` names a vertex that the sheaf does not have, or a ``sheafnet.Cochain``
        lacks a free vertex.
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
    """Return a mask of the free coordinates.

    Its entries are the coordinates of all vertices that are not wholly held, in the order of the
    sheaf; an entry is False where a hard pin holds the coordinate.

    Raises
    ------
    UnknownNameError
        If ``pins`` holds a vertex that the sheaf does not have.
    """
    free = free_vertices(sheaf, wholly_held(pins))
    return np.concatenate(
        [np.empty(0, bool)]
        + [~pins[v].held if v in pins else np.ones(sheaf.stalk_dim(v), bool) for v in free]
    )


def relative_coboundary(
    sheaf: Sheaf, cochain: Mapping[str, Array], pins: Pins, *, sample: int = 0
) -> sparse.csr_array:
    """Return δ linearised at one sample and restricted to the free coordinates.

    Unlike ``coboundary``, which leaves out whole vertices, this leaves out every single
    coordinate that a hard pin holds.

    Raises
    ------
    UnknownNameError
        If ``pins`` holds a vertex that the sheaf does not have, or a ``sheafnet.Cochain`` lacks
        a free vertex.
    """
    delta = coboundary(sheaf, cochain, pinned=wholly_held(pins), sample=sample)
    return sparse.csr_array(delta[:, np.flatnonzero(free_coordinates(sheaf, pins))])


def _offsets(dims: Mapping[str, int]) -> dict[str, int]:
    """Return the index at which the block of each name begins."""
    ends = np.cumsum([0, *dims.values()]).tolist()
    return dict(zip(dims, ends, strict=False))
