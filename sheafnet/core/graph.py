"""A finite graph: named vertices, and named edges that each have a tail and a head."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sheafnet.errors import SheafError, UnknownNameError, nearest


class Graph:
    """A finite graph with named, oriented edges. It may have parallel edges, but no loops.

    Parameters
    ----------
    vertices
        Vertex names. Their order is the order of the vertices in every result.
    edges
        Edge name → (tail, head). The order of the names is called the edge order.

    Raises
    ------
    SheafError
        If a vertex name occurs twice, if a name is empty or not a string, or if an edge is a loop.
    UnknownNameError
        If an edge names a vertex that is not in ``vertices``.
    """

    def __init__(self, vertices: Iterable[str], edges: Mapping[str, tuple[str, str]]) -> None:
        self.vertices = tuple(vertices)
        self.edges = dict(edges)
        for name in (*self.vertices, *self.edges):
            if str(name) != name or not name:
                raise SheafError(f"{name!r} is no name of a vertex or edge; names are strings")
        incident: dict[str, list[str]] = {vertex: [] for vertex in self.vertices}
        if len(incident) != len(self.vertices):
            twice = sorted({v for v in self.vertices if self.vertices.count(v) > 1})
            raise SheafError(f"vertex names occur twice: {', '.join(twice)}")
        for name, (tail, head) in self.edges.items():
            for end in (tail, head):
                if end not in incident:
                    raise UnknownNameError(
                        f"edge {name!r}: no vertex {end!r}{nearest(end, self.vertices)}"
                    )
            if tail == head:
                raise SheafError(f"edge {name!r} is a loop at {tail!r}; an edge joins two vertices")
            incident[tail].append(name)
            incident[head].append(name)
        self._incident = {vertex: tuple(names) for vertex, names in incident.items()}

    def incident(self, vertex: str) -> tuple[str, ...]:
        """Return the names of the edges at ``vertex``, in edge order.

        Raises
        ------
        UnknownNameError
            If the graph has no vertex of this name.
        """
        self.require(vertex)
        return self._incident[vertex]

    def other_end(self, edge: str, vertex: str) -> str:
        """Return the vertex at the other end of ``edge``; ``vertex`` must be at one of the ends."""
        tail, head = self.edges[edge]
        return head if vertex == tail else tail

    def neighbours(self, vertex: str) -> tuple[str, ...]:
        """Return the vertices that share an edge with ``vertex``.

        Each neighbour is listed once. The neighbours are in the order of the edges to them.

        Raises
        ------
        UnknownNameError
            If the graph has no vertex of this name.
        """
        return tuple(dict.fromkeys(self.other_end(e, vertex) for e in self.incident(vertex)))

    def require(self, vertex: str) -> None:
        """Check that the graph has ``vertex``.

        Raises
        ------
        UnknownNameError
            If the graph has no vertex of this name; the message suggests the nearest name.
        """
        if vertex not in self._incident:
            raise UnknownNameError(f"no vertex {vertex!r}{nearest(vertex, self.vertices)}")

    def distances(self, vertex: str) -> dict[str, int]:
        """Return for each vertex the number of edges on a shortest path from ``vertex`` to it.

        ``vertex`` itself has distance 0. A vertex to which there is no path is left out.

        Raises
        ------
        UnknownNameError
            If the graph has no vertex of this name.
        """
        self.require(vertex)
        distances = {vertex: 0}
        queue = [vertex]
        for nearer in queue:
            for neighbour in self.neighbours(nearer):
                if neighbour not in distances:
                    distances[neighbour] = distances[nearer] + 1
                    queue.append(neighbour)
        return distances

    def colouring(self) -> dict[str, int]:
        """Return for each vertex a colour such that neighbours have different colours.

        The colours are whole numbers from 0. They are chosen greedily, in breadth-first order. On a
        bipartite graph (a path, a grid) there are at most two colours. On other graphs there may be
        more colours than necessary.
        """
        colours: dict[str, int] = {}
        for root in self.vertices:
            if root in colours:
                continue
            queue = [root]
            reached = {root}
            for vertex in queue:
                near = self.neighbours(vertex)
                taken = {colours[n] for n in near if n in colours}
                colours[vertex] = next(c for c in range(len(taken) + 1) if c not in taken)
                fresh = [n for n in near if n not in colours and n not in reached]
                reached.update(fresh)
                queue.extend(fresh)
        return colours
