"""The placement of vertices on hosts: by layer, by vertex, or as given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, get_args

from sheafnet.core.naming import vertex_layer
from sheafnet.core.sheaf import Sheaf
from sheafnet.errors import InputError, nearest

Scheme = Literal["by-layer", "by-vertex"]

Placement: TypeAlias = Scheme | Mapping[str, Sequence[str]]
"""A scheme, or host → its vertices."""


def hosts_of(sheaf: Sheaf, placement: Placement) -> dict[str, tuple[str, ...]]:
    """Return host name → the vertices that live there, in the order of the sheaf.

    ``"by-layer"`` puts z{l} and a{l} of a network on ``layer_l``, and every vertex with
    another name on a host of its own; ``"by-vertex"`` gives each its own host, of its name.
    A mapping says it of each host.

    Raises
    ------
    InputError
        If there is no such placement, or a mapping leaves a vertex out or has it twice.
    UnknownNameError
        If a mapping has a vertex that the sheaf has not.
    """
    host_of = _host_of(sheaf, placement)
    hosts: dict[str, list[str]] = {}
    for vertex in sheaf.vertices:
        hosts.setdefault(host_of[vertex], []).append(vertex)
    return {host: tuple(vertices) for host, vertices in hosts.items()}


def _host_of(sheaf: Sheaf, placement: Placement) -> dict[str, str]:
    """Return vertex → its host."""
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
