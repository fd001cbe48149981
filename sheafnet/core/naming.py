"""The names of the vertices and edges of a network, and the layers that can be read from them.

The path is a0 – z1 – a1 – … – z{k+1}, extended by – a{k+1} if there is an output activation. Edge
``weight_l`` leads from a_{l-1} to z_l, ``activation_l`` from z_l to a_l, and ``output`` from
z_{k+1} to a_{k+1}.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

INPUT: Final = "a0"
OUTPUT_EDGE: Final = "output"

_VERTEX = re.compile(r"[az](\d+)")
_EDGE = re.compile(r"(weight|activation)_(\d+)")


def preactivation(layer: int) -> str:
    """Return the name of the vertex z_l, the pre-activations of layer l."""
    return f"z{layer}"


def activation(layer: int) -> str:
    """Return the name of the vertex a_l, the activations of layer l."""
    return f"a{layer}"


def weight_edge(layer: int) -> str:
    """Return the name of the edge whose tail carries the affine map of a layer."""
    return f"weight_{layer}"


def activation_edge(layer: int) -> str:
    """Return the name of the edge whose tail carries the ReLU gate of a layer."""
    return f"activation_{layer}"


class Operation(NamedTuple):
    """The operation of an edge of a network, and its layer.

    Attributes
    ----------
    name
        ``"weight"``, ``"activation"`` or ``"output"``; empty for an edge with another name.
    layer
        Number of the layer as a string; empty for the edge ``output`` and for other names.
    """

    name: str = ""
    layer: str = ""


def vertex_layer(vertex: str) -> str | None:
    """Return the layer number in the name of a vertex, as a string; None for another name."""
    match = _VERTEX.fullmatch(vertex)
    return match[1] if match else None


def edge_operation(edge: str) -> Operation:
    """Return the operation and layer that the name of an edge stands for."""
    match = _EDGE.fullmatch(edge)
    if match:
        return Operation(match[1], match[2])
    return Operation(OUTPUT_EDGE) if edge == OUTPUT_EDGE else Operation()
