"""A finite graph: named vertices, and named edges that each have a tail and a head."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sheafnet.errors import SheafError, UnknownNameError, nearest


class Graph:
    """A finite graph with named, oriented edges; parallel edges are allowed, loops are not.

    Parameters
    ----------
    vertices
        Vertex names. Their order is the order of the vertices in every result.
    edges
        Edge name → (tail, head). Their order is the edge order.

    Raises
    ------
    SheafError
        If a vertex name occurs twice, a name is empty or not a string, or an edge is a loop.
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
            If there is no such vertex.
        """
        self.require(vertex)
        return self._incident[vertex]

    def other_end(self, edge: str, vertex: str) -> str:
        """Return the end of ``edge`` that is not ``vertex``, which must be one of its ends."""
        tail, head = self.edges[edge]
        return head if vertex == tail else tail

    def neighbours(self, vertex: str) -> tuple[str, ...]:
        """Return the vertices that share an edge with ``vertex``, each once, in edge order.

        Raises
        ------
        UnknownNameError
            If there is no such vertex.
        """
        return tuple(dict.fromkeys(self.other_end(e, vertex) for e in self.incident(vertex)))

    def require(self, vertex: str) -> None:
        """Check that ``vertex`` exists.

        Raises
        ------
        UnknownNameError
            If there is no such vertex; the message suggests the nearest name.
        """
        if vertex not in self._incident:
            raise UnknownNameError(f"no vertex {vertex!r}{nearest(vertex, self.vertices)}")

    def distances(self, vertex: str) -> dict[str, int]:
        """Return the number of edges on the shortest path from ``vertex`` to each other vertex.

        ``vertex`` itself has distance 0. Vertices without a path to it are left out.

        Raises
        ------
        UnknownNameError
            If there is no such vertex.
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
        """Return a colour, 0 or more, for each vertex, such that neighbours differ.

        A bipartite graph (a path, a grid) gets at most two colours. Other graphs get the colours
        of a greedy pass in breadth-first order, which need not be the fewest possible.
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
