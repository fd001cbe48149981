"""The forward pass on a sheaf: the computation of all stalks from known stalks.

Each vertex whose stalk is not known must be the head of exactly one edge. The head map of this edge
must be the identity. The stalk is then the projection of the tail of the edge.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sheafnet.core.arrays import Array
from sheafnet.core.cochain import Cochain
from sheafnet.core.maps import Identity
from sheafnet.core.sheaf import Edge, Sheaf
from sheafnet.errors import SheafError


def forward_edges(sheaf: Sheaf, known: Iterable[str]) -> list[Edge]:
    """Return the edges along which the unknown stalks are computed, in the order of computation.

    Parameters
    ----------
    sheaf
        The sheaf.
    known
        Names of the vertices whose stalks are given.

    Returns
    -------
    list
        One edge for each vertex that is not in ``known``; this vertex is the head of the edge. The
        tail of an edge is in ``known`` or is the head of an earlier edge in the list.

    Raises
    ------
    SheafError
        If a vertex in ``known`` is the head of an edge; if a vertex that is not in ``known`` is the
        head of no edge or of more than one edge; if the head map of an edge is not the identity; or
        if the edges form a cycle.
    """
    done = set(known)
    arriving: dict[str, list[Edge]] = {vertex: [] for vertex in sheaf.vertices}
    for edge in sheaf.edges:
        arriving[edge.head].append(edge)
    for vertex, edges in arriving.items():
        if vertex in done and edges:
            raise SheafError(f"{vertex!r} is given, but edge {edges[0].name!r} determines it too")
        if vertex not in done and len(edges) != 1:
            raise SheafError(
                f"{vertex!r} is not given and is the head of {len(edges)} edges, not 1"
            )
        if edges and not isinstance(edges[0].head_map, Identity):
            raise SheafError(f"edge {edges[0].name!r} does not reach {vertex!r} by the identity")
    waiting = [edges[0] for vertex, edges in arriving.items() if vertex not in done]
    ordered: list[Edge] = []
    while waiting:
        ready = [edge for edge in waiting if edge.tail in done]
        if not ready:
            stuck = ", ".join(edge.head for edge in waiting)
            raise SheafError(f"a cycle, or no given vertex, leads to {stuck}")
        ordered += ready
        done.update(edge.head for edge in ready)
        waiting = [edge for edge in waiting if edge.head not in done]
    return ordered


def determined(sheaf: Sheaf, known: Iterable[str]) -> bool:
    """Return whether every vertex can be reached from the known vertices by identity maps.

    A vertex is reached along an edge from the vertex at the other end, in either direction, if the
    restriction map of the reached vertex is the identity. If every vertex can be reached, the
    coboundary δ, restricted to the vertices that are not in ``known``, has a square triangular
    block with ±1 on its diagonal. In this case δᵀδ on these vertices is positive definite, whatever
    the other maps are.

    Parameters
    ----------
    sheaf
        The sheaf.
    known
        Names of the known vertices.

    Raises
    ------
    UnknownNameError
        If ``known`` names a vertex that the sheaf does not have.
    """
    done = set(known)
    front = list(done)
    while front:
        vertex = front.pop()
        for name in sheaf.graph.incident(vertex):
            other = sheaf.graph.other_end(name, vertex)
            if other not in done and isinstance(sheaf.map_at(name, other), Identity):
                done.add(other)
                front.append(other)
    return len(done) == len(sheaf.vertices)


def forward_cochain(sheaf: Sheaf, known: Mapping[str, Array]) -> Cochain:
    """Return the cochain that has the known stalks and whose residuals are all 0.

    Parameters
    ----------
    sheaf
        The sheaf.
    known
        Vertex name → given stalk, shape (dim, batch).

    Raises
    ------
    SheafError
        If the known stalks do not determine all stalks; ``forward_edges`` lists the conditions.
    ShapeError
        If the known stalks have different numbers of samples.
    NonFiniteError
        If a given stalk holds NaN or infinity, or if the forward pass overflows.
    EmptyBatchError
        If a given stalk has no samples.
    """
    stalks = dict(known)
    for edge in forward_edges(sheaf, known):
        stalks[edge.head] = edge.tail_map.apply(stalks[edge.tail])
    return Cochain({vertex: stalks[vertex] for vertex in sheaf.vertices})
