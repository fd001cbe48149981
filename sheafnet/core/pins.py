"""Pins: stalks that are held."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sheafnet.core.arrays import Array, checked_samples
from sheafnet.core.sheaf import Sheaf
from sheafnet.errors import PinError, ShapeError


@dataclass(frozen=True, eq=False)
class Pin:
    """A hard pin: the whole stalk at ``vertex`` is held at ``value``.

    Attributes
    ----------
    vertex
        Name of the vertex.
    value
        Shape (dim, batch).
    """

    vertex: str
    value: ArrayLike


def pinned_stalks(sheaf: Sheaf, pins: Iterable[Pin]) -> dict[str, Array]:
    """Return the held value of each pinned vertex, in the precision of the sheaf.

    Raises
    ------
    UnknownNameError
        If a pin names a vertex that is not there.
    ShapeError
        If a value does not fit its stalk, or two pins have different batches.
    NonFiniteError, EmptyBatchError
        If a value holds NaN or infinity, or has no samples.
    PinError
        If two pins hold the same stalk at different values.
    """
    held: dict[str, Array] = {}
    for pin in pins:
        dim = sheaf.stalk_dim(pin.vertex)
        value = checked_samples(f"pin on {pin.vertex!r}", pin.value, dim, sheaf.dtype)
        before = held.get(pin.vertex)
        if before is not None and not np.array_equal(before, value):
            raise PinError(
                f"two hard pins hold {pin.vertex!r} at different values; remove one of them"
            )
        held[pin.vertex] = value
    batches = {vertex: value.shape[1] for vertex, value in held.items()}
    if len(set(batches.values())) > 1:
        raise ShapeError(f"the pins have different batches: {batches}")
    return held
