"""The cochain at the start of a run: random, zero, the forward pass, or given by the user."""

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
    """Return the cochain of the start, with every held coordinate at the value of its pin.

    Parameters
    ----------
    sheaf
        Sheaf of the run.
    pins
        Vertex → the pins of its stalk, for every vertex that has pins.
    init
        ``"random"``: standard normal, with a separate random stream for each vertex. ``"zeros"``:
        all stalks are 0. ``"forward"``: the forward pass from the values of the hard or soft pins
        of the inputs. Or a cochain with a value, shape (dim, batch), for every vertex that is not
        wholly held.
    seed
        Seed of the random start; a whole number, at least 0.

    Raises
    ------
    InputError
        If ``init`` is neither one of these words nor a cochain; if ``init`` is ``"forward"`` and
        the pins do not determine a forward pass, or the sheaf has no forward pass; or if ``init``
        is ``"random"`` and the seed is negative or not a whole number.
    ShapeError
        If a stalk of the cochain ``init`` does not have the shape that the sheaf needs.
    UnknownNameError
        If the cochain ``init`` has no value for a vertex that is not wholly held, or names a vertex
        that the sheaf does not have.
    NonFiniteError
        If the forward pass overflows.
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
    """Return the cochain ``init``, with each wholly held stalk at the value of its pins.

    Raises
    ------
    UnknownNameError
        If ``init`` has no value for a vertex that is not wholly held, or names a vertex that the
        sheaf does not have.
    ShapeError
        If a stalk of ``init`` does not have the shape that the sheaf needs.
    """
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
    """Return the forward pass from the vertices that are the head of no edge.

    Raises
    ------
    InputError
        If a coordinate of such a vertex is not pinned, or if the sheaf has no forward pass.
    """
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
