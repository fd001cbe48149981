"""The coboundary as a sparse matrix, and the free vertices and coordinates of a pinned sheaf.

A coordinate is free if no hard pin holds it; a vertex is free if one of its coordinates is free.
These functions are for analysis only, because they need the whole sheaf at once.
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

    The Jacobian is assembled from the values of ``pullback`` at the unit vectors of the edge stalk.
    Therefore this function accepts every map. For one kind of map the result is not DF(x): the
    ``pullback`` of an output activation with the cross-entropy as its energy does not use the
    derivative of the map. The result is then the strength of the map times the identity.

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
        If the map cannot act on a stalk of the dimension of ``x``.
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

    On each edge, δx is the head map applied to the head's stalk minus the tail map applied to the
    tail's stalk, where both maps are linearised. If every map is linear, δx is minus the residual.

    Parameters
    ----------
    sheaf
        The sheaf.
    cochain
        Stalks at which the maps are linearised, one array (dim, batch) per vertex. The values
        do not matter if every map is linear or affine.
    pinned
        Names of the vertices whose columns are left out. All other vertices count as free. By
        default no columns are left out.
    sample
        Index of the sample in the batch; 0 by default.

    Returns
    -------
    scipy.sparse.csr_array
        Shape (sum of edge dims, sum of free vertex dims). The rows are in the edge order and the
        columns in the vertex order of the sheaf.

    Raises
    ------
    UnknownNameError
        If ``pinned`` names a vertex that the sheaf does not have, or if ``cochain`` is a
        ``sheafnet.Cochain`` without a stalk for some free vertex that has an edge.
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
    """Return a mask of the free coordinates among the coordinates of the free vertices.

    A vertex is free if hard pins do not hold its whole stalk. The mask has one entry for each
    coordinate of each free vertex, in the order of the sheaf. The entry is True if the coordinate
    is free, and False if a hard pin holds it.

    Raises
    ------
    UnknownNameError
        If ``pins`` has a wholly held vertex that the sheaf does not have.
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

    The shape is (sum of edge dims, number of free coordinates). The columns of all coordinates that
    hard pins hold are left out. ``coboundary`` can leave out only the columns of whole vertices.

    Raises
    ------
    UnknownNameError
        If ``pins`` has a wholly held vertex that the sheaf does not have, or if ``cochain`` is a
        ``sheafnet.Cochain`` without a stalk for some free vertex that has an edge.
    """
    delta = coboundary(sheaf, cochain, pinned=wholly_held(pins), sample=sample)
    return sparse.csr_array(delta[:, np.flatnonzero(free_coordinates(sheaf, pins))])


def _offsets(dims: Mapping[str, int]) -> dict[str, int]:
    """Return for each name the index at which its block begins, from the sizes of the blocks."""
    ends = np.cumsum([0, *dims.values()]).tolist()
    return dict(zip(dims, ends, strict=False))
