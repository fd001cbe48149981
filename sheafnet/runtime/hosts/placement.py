"""The placement of vertices on hosts: by layer, by vertex, or by an explicit mapping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, get_args

from sheafnet.core.naming import vertex_layer
from sheafnet.core.sheaf import Sheaf
from sheafnet.errors import InputError, nearest

Scheme = Literal["by-layer", "by-vertex"]

Placement: TypeAlias = Scheme | Mapping[str, Sequence[str]]
"""``"by-layer"`` or ``"by-vertex"`` (the two schemes), or a mapping host → its vertices."""


def hosts_of(sheaf: Sheaf, placement: Placement) -> dict[str, tuple[str, ...]]:
    """Return for each host name the vertices on that host, in the order of the sheaf.

    The hosts are in the order of their first vertices.

    Parameters
    ----------
    sheaf
        The sheaf whose vertices are placed.
    placement
        ``"by-layer"`` places the vertices z{l} and a{l} of a network on the host ``layer_{l}``, and
        every other vertex on a host that has the name of the vertex. ``"by-vertex"`` places every
        vertex on a host that has its name. A mapping lists for each host its vertices.

    Raises
    ------
    InputError
        If ``placement`` is neither a mapping nor the name of a scheme; or if a vertex of the sheaf
        is missing in the mapping or occurs twice in it.
    UnknownNameError
        If the mapping has a vertex that the sheaf does not have.
    """
    host_of = _host_of(sheaf, placement)
    hosts: dict[str, list[str]] = {}
    for vertex in sheaf.vertices:
        hosts.setdefault(host_of[vertex], []).append(vertex)
    return {host: tuple(vertices) for host, vertices in hosts.items()}


def _host_of(sheaf: Sheaf, placement: Placement) -> dict[str, str]:
    """Return for each vertex the name of its host.

    Raises
    ------
    InputError
        If ``placement`` is neither a mapping nor the name of a scheme; or if a vertex of the sheaf
        is missing in the mapping or occurs twice in it.
    UnknownNameError
        If the mapping has a vertex that the sheaf does not have.
    """
    if isinstance(placement, Mapping):
        return _given(sheaf, placement)
    if placement == "by-vertex":
        return {vertex: vertex for vertex in sheaf.vertices}
    if placement == "by-layer":
        return {
            vertex: f"layer_{layer}" if (layer := vertex_layer(vertex)) else vertex
            for vertex in sheaf.vertices
        }
    hint = nearest(str(placement), get_args(Scheme))
    raise InputError(f"no placement {placement!r}{hint}")


def _given(sheaf: Sheaf, hosts: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return for each vertex the name of its host, from a mapping of hosts to vertices.

    Raises
    ------
    InputError
        If a vertex of the sheaf is missing in the mapping or occurs in it twice.
    UnknownNameError
        If the mapping has a vertex that the sheaf does not have.
    """
    host_of: dict[str, str] = {}
    for host, vertices in hosts.items():
        for vertex in vertices:
            sheaf.graph.require(vertex)
            if vertex in host_of:
                raise InputError(
                    f"placement: vertex {vertex!r} is on {host_of[vertex]!r} and on {host!r}"
                )
            host_of[vertex] = host
    for vertex in sheaf.vertices:
        if vertex not in host_of:
            raise InputError(f"placement: vertex {vertex!r} is on no host")
    return host_of
