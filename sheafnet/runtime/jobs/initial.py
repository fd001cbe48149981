"""The start of a run: random stalks, zeros, the forward pass, or a given cochain."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import numpy as np

from sheafnet.core.cochain import Cochain
from sheafnet.core.forward import forward_cochain
from sheafnet.core.sheaf import Sheaf
from sheafnet.core.stalkpins import Pins, wholly_held
from sheafnet.errors import InputError, SheafError, UnknownNameError, nearest
from sheafnet.runtime.random_streams import stream

Start = Literal["random", "zeros", "forward"]
Init: TypeAlias = Start | Cochain


def initial_cochain(sheaf: Sheaf, pins: Pins, init: Init, seed: int) -> Cochain:
    """Return every stalk at the start; held coordinates at their values.

    Parameters
    ----------
    sheaf
        The sheaf.
    pins
        The pins of every stalk that has any.
    init
        ``"random"`` (standard normal, one stream a vertex), ``"zeros"``, ``"forward"`` (the
        forward pass from the inputs as they are pinned, softly or hard), or a cochain with a
        value for every vertex that is not wholly held.
    seed
        For ``"random"``.

    Raises
    ------
    InputError
        If there is no such start, or the pins do not determine a forward pass.
    ShapeError
        If a given cochain does not fit the sheaf.
    UnknownNameError
        If a given cochain lacks a free vertex or names one that is not there.
    """
    batch = next((stalk.value.shape[1] for stalk in pins.values()), 1)
    shapes = {v: (sheaf.stalk_dim(v), batch) for v in sheaf.vertices}
    if isinstance(init, Cochain):
        whole = _given(sheaf, pins, init)
    elif init == "forward":
        whole = _forward(sheaf, pins)
    elif init == "zeros":
        whole = Cochain({v: np.zeros(shape) for v, shape in shapes.items()})
    elif init == "random":
        whole = Cochain(
            {v: stream(seed, "start", v).standard_normal(shape) for v, shape in shapes.items()}
        )
    else:
        raise InputError(f"init: no start {init!r}{nearest(str(init), get_args(Start))}")
    return Cochain(
        {
            v: pins[v].imposed_on(x.astype(sheaf.dtype)) if v in pins else x.astype(sheaf.dtype)
            for v, x in whole.items()
        }
    )


def _given(sheaf: Sheaf, pins: Pins, init: Cochain) -> Cochain:
    held = {vertex: pins[vertex].value for vertex in wholly_held(pins)}
    missing = [v for v in sheaf.vertices if v not in held and v not in init]
    if missing:
        raise UnknownNameError(f"init: the cochain has no value for {', '.join(missing)}")
    for vertex in init:
        sheaf.graph.require(vertex)
    whole = Cochain({v: held[v] if v in held else init[v] for v in sheaf.vertices})
    whole.require_on(sheaf)
    return whole


def _forward(sheaf: Sheaf, pins: Pins) -> Cochain:
    """Return the forward pass from the vertices that are the head of no edge."""
    heads = {edge.head for edge in sheaf.edges}
    inputs = {}
    for vertex in sheaf.vertices:
        if vertex in heads:
            continue
        stalk = pins.get(vertex)
        if stalk is None or not stalk.determined.all():
            raise InputError(
                f"init 'forward': {vertex!r} is an input, but not all of it is pinned; "
                "use init 'random'"
            )
        inputs[vertex] = stalk.equilibrium
    try:
        return forward_cochain(sheaf, inputs)
    except SheafError as error:
        raise InputError(f"init 'forward': {error}; use init 'random'") from None
