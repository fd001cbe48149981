"""The forward pass, as a sheaf knows it: each stalk is what its tail says it should be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sheafnet.core.arrays import Array
from sheafnet.core.cochain import Cochain
from sheafnet.core.maps import Identity
from sheafnet.core.sheaf import Edge, Sheaf
from sheafnet.errors import SheafError


def forward_edges(sheaf: Sheaf, known: Iterable[str]) -> list[Edge]:
    """Return, in order of computation, the one edge that determines each other vertex.

    Raises
    ------
    SheafError
        If the known vertices do not determine the rest: every other vertex must be the head
        of exactly one edge, by the identity, with no cycle, and every known vertex of none.
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
    """Return whether ``known`` reaches every vertex along edges that end in an identity.

    Then δ has a unit triangular part on the other vertices, and δᵀδ is positive definite there,
    whatever the other maps are.
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
    """Return the cochain with no residual that extends the ``known`` stalks.

    Raises
    ------
    SheafError
        If the known stalks do not determine the rest (see ``forward_edges``).
    """
    stalks = dict(known)
    for edge in forward_edges(sheaf, known):
        stalks[edge.head] = edge.tail_map.apply(stalks[edge.tail])
    return Cochain({vertex: stalks[vertex] for vertex in sheaf.vertices})
