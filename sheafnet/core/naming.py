"""The names of the vertices and edges of a network, and the layer numbers in these names.

The vertices of a network with k hidden layers form the path a0 – z1 – a1 – … – z{k+1}. If there is
an output activation, the path has one more vertex, a{k+1}. The tail of edge ``weight_l`` is
a_{l-1} and its head is z_l. The tail of ``activation_l`` is z_l and its head is a_l. The tail of
``output`` is z_{k+1} and its head is a_{k+1}.
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
    """Return the name of the edge whose tail map is the affine map of a layer."""
    return f"weight_{layer}"


def activation_edge(layer: int) -> str:
    """Return the name of the edge whose tail map is the ReLU gate of a layer."""
    return f"activation_{layer}"


class Operation(NamedTuple):
    """The operation that an edge of a network performs, and the layer of the edge.

    Attributes
    ----------
    name
        ``"weight"``, ``"activation"`` or ``"output"``. It is empty if a network has no edge with
        such a name.
    layer
        Number of the layer as a string. It is empty for the edge ``output``, and if ``name`` is
        empty.
    """

    name: str = ""
    layer: str = ""


def vertex_layer(vertex: str) -> str | None:
    """Return the layer number in the name of a vertex, as a string.

    The result is None if the name is not an ``a`` or ``z`` followed by a number.
    """
    match = _VERTEX.fullmatch(vertex)
    return match[1] if match else None


def edge_operation(edge: str) -> Operation:
    """Return the operation and the layer that the name of an edge denotes.

    Both fields of the result are empty if a network has no edge with such a name.
    """
    match = _EDGE.fullmatch(edge)
    if match:
        return Operation(match[1], match[2])
    return Operation(OUTPUT_EDGE) if edge == OUTPUT_EDGE else Operation()
