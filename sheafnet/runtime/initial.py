"""Where a run starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

import numpy as np

from sheafnet.core.arrays import Array
from sheafnet.core.cochain import Cochain
from sheafnet.core.forward import forward_cochain
from sheafnet.core.sheaf import Sheaf
from sheafnet.errors import InputError, ShapeError, SheafError, UnknownNameError, nearest
from sheafnet.runtime.streams import stream

Start = Literal["random", "zeros", "forward"]
Init: TypeAlias = Start | Cochain


def initial_cochain(sheaf: Sheaf, held: Mapping[str, Array], init: Init, seed: int) -> Cochain:
    """Return every stalk at the start; pinned ones at their pinned value.

    Parameters
    ----------
    sheaf
        The sheaf.
    held
        Pinned vertex → value.
    init
        ``"random"`` (standard normal, one stream a vertex), ``"zeros"``, ``"forward"`` (the
        forward pass from the pins), or a cochain with a value for every free vertex.
    seed
        For ``"random"``.

    Raises
    ------
    InputError
        If there is no such start, or the pins do not determine a forward pass.
    ShapeError
        If a given cochain does not fit the sheaf or the batch of the pins.
    UnknownNameError
        If a given cochain lacks a free vertex or names one that is not there.
    """
    batch = next((value.shape[1] for value in held.values()), 1)
    if isinstance(init, Cochain):
        return _given(sheaf, held, init)
    if init == "forward":
        try:
            return forward_cochain(sheaf, held)
        except SheafError as error:
            raise InputError(f"init 'forward': {error}; use init 'random'") from None
    shapes = {v: (sheaf.stalk_dim(v), batch) for v in sheaf.vertices}
    if init == "zeros":
        drawn = {v: np.zeros(shape) for v, shape in shapes.items()}
    elif init == "random":
        drawn = {v: stream(seed, "start", v).standard_normal(shape) for v, shape in shapes.items()}
    else:
        raise InputError(f"init: no start {init!r}{nearest(str(init), get_args(Start))}")
    return Cochain({v: held.get(v, x.astype(sheaf.dtype)) for v, x in drawn.items()})


def _given(sheaf: Sheaf, held: Mapping[str, Array], init: Cochain) -> Cochain:
    missing = [v for v in sheaf.vertices if v not in held and v not in init]
    if missing:
        raise UnknownNameError(f"init: the cochain has no value for {', '.join(missing)}")
    batches = {vertex: value.shape[1] for vertex, value in {**init, **held}.items()}
    if len(set(batches.values())) > 1:
        raise ShapeError(f"init: the cochain and the pins have different batches: {batches}")
    whole = Cochain({v: held[v] if v in held else init[v] for v in sheaf.vertices})
    whole.require_on(sheaf)
    return Cochain({v: x.astype(sheaf.dtype) for v, x in whole.items()})
