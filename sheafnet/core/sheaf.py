"""Cellular sheaves on graphs: vertex stalks, edges and restriction maps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from sheafnet.core.arrays import Array, float_dtype
from sheafnet.core.graph import Graph
from sheafnet.core.incidence import Incidence
from sheafnet.core.maps import RestrictionMap
from sheafnet.errors import ShapeError, SheafError, UnknownNameError, nearest


@dataclass(frozen=True)
class Edge:
    """An edge with the restriction maps of its two ends.

    The residual of the edge is the projection of the tail minus that of the head.

    Parameters
    ----------
    name
        Name of the edge, unique in its sheaf.
    tail
        Name of the vertex at the tail.
    head
        Name of the vertex at the head, another one.
    tail_map
        Restriction map from the stalk of the tail into the edge stalk.
    head_map
        Restriction map from the stalk of the head into the same edge stalk.
    """

    name: str
    tail: str
    head: str
    tail_map: RestrictionMap
    head_map: RestrictionMap


class Sheaf:
    """A cellular sheaf on a graph: vertex stalks, and edges with two restriction maps each.

    Parameters
    ----------
    stalks
        Vertex name → dimension of its stalk, a whole number, 1 or more. Their order is the order
        of the vertices in every result.
    edges
        The edges. Their order is the edge order in every result.

    Attributes
    ----------
    edges
        The edges, as a tuple.
    graph
        The graph of the sheaf, a ``sheafnet.core.graph.Graph``.
    dtype
        Precision of the sheaf: float32 if all its maps with parameters are in float32, otherwise
        float64, also if no map has parameters.

    Raises
    ------
    SheafError
        If there are no vertices, a dimension is not a whole number of 1 or more, an edge name
        occurs twice, a name is empty or not a string, an edge is a loop, something given as a
        map is not a ``sheafnet.RestrictionMap``, or the two maps of an edge lead into stalks of
        different dimensions.
    ShapeError
        If a map cannot act on the stalk at its end.
    UnknownNameError
        If an edge names a vertex that is not in ``stalks``.

    Examples
    --------
    >>> from sheafnet.core.maps import Identity
    >>> pair = Sheaf({"u": 2, "v": 2}, [Edge("e", "u", "v", Identity(), Identity())])
    >>> pair.vertices, pair.stalk_dim("v")
    (('u', 'v'), 2)
    """

    def __init__(self, stalks: Mapping[str, int], edges: Iterable[Edge]) -> None:
        self.edges = tuple(edges)
        if not stalks:
            raise SheafError("a sheaf needs at least one vertex")
        for vertex, dim in stalks.items():
            if dim < 1 or dim != int(dim):
                raise SheafError(f"stalk {vertex!r}: dimension {dim}; it must be 1 or more, whole")
        count = Counter(edge.name for edge in self.edges)
        twice = sorted(name for name, times in count.items() if times > 1)
        if twice:
            raise SheafError(f"edge names occur twice: {', '.join(twice)}")
        self.graph = Graph(stalks, {edge.name: (edge.tail, edge.head) for edge in self.edges})
        self._stalks = {vertex: int(dim) for vertex, dim in stalks.items()}
        self._order = {vertex: position for position, vertex in enumerate(self._stalks)}
        self._edges = {edge.name: edge for edge in self.edges}
        self._edge_dims = {edge.name: self._edge_dim(edge) for edge in self.edges}
        self.dtype = float_dtype(*self._map_dtypes())

    def _edge_dim(self, edge: Edge) -> int:
        """Return the dimension of the edge stalk that both maps of an edge lead into.

        Raises
        ------
        SheafError
            If something given as a map is not a ``RestrictionMap``, or the dimensions of the two
            maps differ.
        ShapeError
            If a map cannot act on the stalk at its end.
        """
        dims = []
        for end, restriction in ((edge.tail, edge.tail_map), (edge.head, edge.head_map)):
            if not isinstance(restriction, RestrictionMap):
                raise SheafError(
                    f"edge {edge.name!r} at {end!r}: {type(restriction).__name__} is no "
                    "restriction map; a matrix F is sheafnet.Linear(F)"
                )
            try:
                dims.append(restriction.codomain_dim(self._stalks[end]))
            except ShapeError as error:
                raise ShapeError(f"edge {edge.name!r} at {end!r}: {error}") from None
        if dims[0] != dims[1]:
            raise SheafError(
                f"edge {edge.name!r}: the maps lead into different edge stalks, dimension "
                f"{dims[0]} from {edge.tail!r} and {dims[1]} from {edge.head!r}"
            )
        return dims[0]

    def _map_dtypes(self) -> list[np.dtype[np.floating]]:
        maps = [m for edge in self.edges for m in (edge.tail_map, edge.head_map)]
        return [m.dtype for m in maps if m.dtype is not None]

    @property
    def vertices(self) -> tuple[str, ...]:
        """Vertex names, in the order of ``stalks``."""
        return self.graph.vertices

    def stalk_dim(self, vertex: str) -> int:
        """Return the dimension of the stalk at ``vertex``.

        Raises
        ------
        UnknownNameError
            If there is no such vertex.
        """
        self.graph.require(vertex)
        return self._stalks[vertex]

    def edge(self, name: str) -> Edge:
        """Return the edge called ``name``.

        Raises
        ------
        UnknownNameError
            If there is no such edge.
        """
        if name not in self._edges:
            raise UnknownNameError(f"no edge {name!r}{nearest(name, self._edges)}")
        return self._edges[name]

    def edge_dim(self, name: str) -> int:
        """Return the dimension of the stalk on the edge called ``name``.

        Raises
        ------
        UnknownNameError
            If there is no such edge.
        """
        self.edge(name)
        return self._edge_dims[name]

    def map_at(self, edge: str, vertex: str) -> RestrictionMap:
        """Return the restriction map of one end of an edge.

        Parameters
        ----------
        edge
            Name of the edge.
        vertex
            Name of the vertex at that end; it must be one of the two.

        Raises
        ------
        UnknownNameError
            If there is no such edge.
        """
        found = self.edge(edge)
        return found.tail_map if found.tail == vertex else found.head_map

    def incidences(self, vertex: str) -> tuple[Incidence, ...]:
        """Return the ends of edges at ``vertex``, in edge order.

        Raises
        ------
        UnknownNameError
            If there is no such vertex.
        """
        ends = []
        for name in self.graph.incident(vertex):
            neighbour = self.graph.other_end(name, vertex)
            is_tail = self._edges[name].tail == vertex
            leads = self._order[vertex] < self._order[neighbour]
            ends.append(Incidence(name, neighbour, self.map_at(name, vertex), is_tail, leads))
        return tuple(ends)

    def facing(self, held: Collection[str]) -> Sheaf:
        """Return the sheaf with the tail maps that a run uses, given the held vertices.

        Parameters
        ----------
        held
            Names of the vertices of which hard pins hold every coordinate.

        Returns
        -------
        Sheaf
            This sheaf itself if no map changes; see ``sheafnet.RestrictionMap.facing``.
        """
        edges = [replace(e, tail_map=e.tail_map.facing(e.head in held)) for e in self.edges]
        if all(a.tail_map is b.tail_map for a, b in zip(edges, self.edges, strict=True)):
            return self
        return Sheaf(self._stalks, edges)

    def require_maps(self, cochain: Mapping[str, Array]) -> None:
        """Check that every map returns plain arrays of the right shape.

        Parameters
        ----------
        cochain
            Vertex name → stalk, shape (dim, batch), to which the maps are applied.

        Raises
        ------
        SheafError
            If ``apply`` or ``pullback`` of a map returns something other than a
            ``numpy.ndarray``, or an array of another shape than the stalks require.
        """
        for vertex in self.vertices:
            x = cochain[vertex]
            for inc in self.incidences(vertex):
                self._require_shape(
                    inc, vertex, "apply", inc.map.apply(x), (self.edge_dim(inc.edge), x.shape[1])
                )
                self._require_shape(
                    inc, vertex, "pullback", inc.map.pullback(x, inc.map.apply(x)), x.shape
                )

    @staticmethod
    def _require_shape(
        inc: Incidence, vertex: str, what: str, value: Array, shape: tuple[int, ...]
    ) -> None:
        """Check the type and the shape of a value of a map.

        Raises
        ------
        SheafError
            If the value is not a plain ``numpy.ndarray`` or does not have the shape.
        """
        if type(value) is not np.ndarray or value.shape != shape:
            raise SheafError(
                f"edge {inc.edge!r} at {vertex!r}: {what} of {type(inc.map).__name__} gives "
                f"{type(value).__name__} of shape {np.shape(value)}, expected an array of {shape}"
            )
