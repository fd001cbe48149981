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

    The residual of the edge is the projection of the tail minus the projection of the head.

    Parameters
    ----------
    name
        Name of the edge, unique in its sheaf.
    tail
        Name of the vertex at the tail.
    head
        Name of the vertex at the head; it must be another vertex than the tail.
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
        Vertex name → dimension of the stalk, a whole number, 1 or more. The order of the names is
        the order of the vertices in every result.
    edges
        The edges. Their order is the order of the edges in every result.

    Attributes
    ----------
    edges
        The edges, as a tuple.
    graph
        The graph of the sheaf, a ``sheafnet.core.graph.Graph``.
    dtype
        Precision of the sheaf. It is float32 if at least one map has parameters and the parameters
        of all maps are float32. Otherwise it is float64.

    Raises
    ------
    SheafError
        If there are no vertices; if a dimension is not a whole number of 1 or more; if an edge name
        occurs twice; if a name is empty or not a string; if an edge is a loop; if a map of an edge
        is not a ``sheafnet.RestrictionMap``; or if the values of the two maps of an edge have
        different dimensions.
    ShapeError
        If a map cannot act on a stalk of the dimension at its end of the edge.
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
        """Check that the values of both maps of an edge have the same dimension, and return it.

        Raises
        ------
        SheafError
            If a map of the edge is not a ``RestrictionMap``, or if the values of the two maps have
            different dimensions.
        ShapeError
            If a map cannot act on a stalk of the dimension at its end of the edge.
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
            If the sheaf has no vertex of this name.
        """
        self.graph.require(vertex)
        return self._stalks[vertex]

    def edge(self, name: str) -> Edge:
        """Return the edge called ``name``.

        Raises
        ------
        UnknownNameError
            If the sheaf has no edge of this name.
        """
        if name not in self._edges:
            raise UnknownNameError(f"no edge {name!r}{nearest(name, self._edges)}")
        return self._edges[name]

    def edge_dim(self, name: str) -> int:
        """Return the dimension of the stalk on the edge called ``name``.

        Raises
        ------
        UnknownNameError
            If the sheaf has no edge of this name.
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
            Name of the vertex at that end. It must be the tail or the head of the edge.

        Raises
        ------
        UnknownNameError
            If the sheaf has no edge of this name.
        """
        found = self.edge(edge)
        return found.tail_map if found.tail == vertex else found.head_map

    def incidences(self, vertex: str) -> tuple[Incidence, ...]:
        """Return the incidences of ``vertex`` (its ends of edges), in edge order.

        Raises
        ------
        UnknownNameError
            If the sheaf has no vertex of this name.
        """
        ends = []
        for name in self.graph.incident(vertex):
            neighbour = self.graph.other_end(name, vertex)
            is_tail = self._edges[name].tail == vertex
            leads = self._order[vertex] < self._order[neighbour]
            ends.append(Incidence(name, neighbour, self.map_at(name, vertex), is_tail, leads))
        return tuple(ends)

    def facing(self, held: Collection[str]) -> Sheaf:
        """Return the sheaf that a run uses in place of this sheaf.

        Each tail map is replaced by the result of its method ``sheafnet.RestrictionMap.facing``.
        For example, this method replaces an output activation with the force ``"auto"`` by one with
        the force ``"cross-entropy"`` or ``"jacobian"``.

        Parameters
        ----------
        held
            Names of the vertices of which hard pins hold every coordinate.

        Returns
        -------
        Sheaf
            A new sheaf, or this sheaf itself if no map is replaced.
        """
        edges = [replace(e, tail_map=e.tail_map.facing(e.head in held)) for e in self.edges]
        if all(a.tail_map is b.tail_map for a, b in zip(edges, self.edges, strict=True)):
            return self
        return Sheaf(self._stalks, edges)

    def require_maps(self, cochain: Mapping[str, Array]) -> None:
        """Check that ``apply`` and ``pullback`` of every map return arrays of the right shape.

        Parameters
        ----------
        cochain
            Vertex name → stalk, shape (dim, batch), to which the maps are applied.

        Raises
        ------
        SheafError
            If a method does not return a ``numpy.ndarray`` (an instance of a subclass is not
            accepted); if the array from ``apply`` does not have the shape (edge dim, batch); or if
            the array from ``pullback`` does not have the shape (vertex dim, batch).
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
        """Check the type and the shape of the ``value`` that the method ``what`` of a map returned.

        Raises
        ------
        SheafError
            If the type of ``value`` is not ``numpy.ndarray`` itself, or its shape is not ``shape``.
        """
        if type(value) is not np.ndarray or value.shape != shape:
            raise SheafError(
                f"edge {inc.edge!r} at {vertex!r}: {what} of {type(inc.map).__name__} gives "
                f"{type(value).__name__} of shape {np.shape(value)}, expected an array of {shape}"
            )
