"""The builder of a constant sheaf on the graph that a configuration describes."""

from __future__ import annotations

from collections.abc import Iterable

import networkx

from sheafnet.config.schema.job import (
    ConstantSheaf,
    EdgesGraph,
    ErdosRenyiGraph,
    GraphSection,
    GridGraph,
    RegularGraph,
    StarGraph,
)
from sheafnet.core.maps import Identity
from sheafnet.core.sheaf import Edge, Sheaf
from sheafnet.errors import InputError


def build_sheaf(section: ConstantSheaf) -> Sheaf:
    """Return the constant sheaf that ``section`` describes.

    An edge with the tail u and the head v has the name ``u-v``.

    Raises
    ------
    InputError
        If there is no graph with these parameters; if the edges list a pair of vertices twice; or
        if an edge joins a vertex to itself.
    """
    vertices, pairs = build_graph(section.graph)
    same = Identity()
    edges = [Edge(f"{tail}-{head}", tail, head, same, same) for tail, head in pairs]
    return Sheaf(dict.fromkeys(vertices, section.dim), edges)


def build_graph(section: GraphSection) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the names of the vertices of the graph, and its edges as pairs (tail, head).

    Raises
    ------
    InputError
        If there is no graph with these parameters, for example a regular graph of odd degree on an
        odd number of vertices.
    """
    if isinstance(section, EdgesGraph):
        return list(dict.fromkeys(v for pair in section.edges for v in pair)), list(section.edges)
    try:
        match section:
            case GridGraph(side=side):
                graph = networkx.grid_2d_graph(side, side)
            case RegularGraph(vertices=size, degree=degree, seed=seed):
                graph = networkx.random_regular_graph(degree, size, seed)
            case ErdosRenyiGraph(vertices=size, probability=probability, seed=seed):
                graph = networkx.gnp_random_graph(size, probability, seed)
            case StarGraph(vertices=size):
                graph = networkx.star_graph(size - 1)
    except networkx.NetworkXError as error:
        raise InputError(f"no such graph: {error}") from None
    pairs = sorted((min(pair), max(pair)) for pair in graph.edges)
    return [_name(v) for v in sorted(graph)], [(_name(u), _name(v)) for u, v in pairs]


def _name(vertex: int | Iterable[int]) -> str:
    return f"v{vertex}" if isinstance(vertex, int) else "v" + "_".join(map(str, vertex))
