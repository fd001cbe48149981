"""Which vertices live on which host."""

from __future__ import annotations

import re
from typing import Literal, get_args

from sheafnet.core.sheaf import Sheaf
from sheafnet.errors import InputError, nearest

Placement = Literal["by-layer", "by-vertex"]

_LAYERED = re.compile(r"[az](\d+)")


def place(sheaf: Sheaf, placement: Placement) -> dict[str, tuple[str, ...]]:
    """Return host name → the vertices that live there, in the order of the sheaf.

    ``"by-layer"`` puts z{l} and a{l} of a network on ``layer_l``, and every vertex with
    another name on a host of its own; ``"by-vertex"`` gives each its own host, of its name.

    Raises
    ------
    InputError
        If there is no such placement.
    """
    if placement not in get_args(Placement):
        hint = nearest(placement, get_args(Placement))
        raise InputError(f"no placement {placement!r}{hint}")
    hosts: dict[str, list[str]] = {}
    for vertex in sheaf.vertices:
        layered = _LAYERED.fullmatch(vertex) if placement == "by-layer" else None
        hosts.setdefault(f"layer_{layered[1]}" if layered else vertex, []).append(vertex)
    return {host: tuple(vertices) for host, vertices in hosts.items()}
