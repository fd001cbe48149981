"""The names of the vertices and edges of a network, and the layers that they tell.

The path is a0 – z1 – a1 – … – z{k+1}, and – a{k+1} behind an output activation. Edge ``weight_l``
leads from a_{l-1} to z_l, ``activation_l`` from z_l to a_l, ``output`` from z_{k+1} to a_{k+1}.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

INPUT: Final = "a0"
OUTPUT_EDGE: Final = "output"

_VERTEX = re.compile(r"[az](\d+)")
_EDGE = re.compile(r"(weight|activation)_(\d+)")


def preactivation(layer: int) -> str:
    """Return the name of z_l."""
    return f"z{layer}"


def activation(layer: int) -> str:
    """Return the name of a_l."""
    return f"a{layer}"


def weight_edge(layer: int) -> str:
    """Return the name of the edge of the affine map of a layer."""
    return f"weight_{layer}"


def activation_edge(layer: int) -> str:
    """Return the name of the edge of the gate of a layer."""
    return f"activation_{layer}"


class Operation(NamedTuple):
    """What an edge of a network computes, and in which layer; empty where the edge is of none."""

    name: str = ""
    layer: str = ""


def vertex_layer(vertex: str) -> str | None:
    """Return the layer that the name of a vertex tells; None for a name of another kind."""
    match = _VERTEX.fullmatch(vertex)
    return match[1] if match else None


def edge_operation(edge: str) -> Operation:
    """Return the operation that the name of an edge tells."""
    match = _EDGE.fullmatch(edge)
    if match:
        return Operation(match[1], match[2])
    return Operation(OUTPUT_EDGE) if edge == OUTPUT_EDGE else Operation()
