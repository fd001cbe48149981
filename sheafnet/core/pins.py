"""Pins as a user states them, and their resolution into the pins of each stalk of a sheaf."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sheafnet.core.arrays import Array, checked, checked_samples, frozen
from sheafnet.core.sheaf import Sheaf
from sheafnet.core.stalkpins import Spring, StalkPins
from sheafnet.errors import PinError, ShapeError


@dataclass(frozen=True, eq=False)
class Pin:
    """A pin: it holds coordinates of a stalk at a value, or pulls them towards it.

    The arguments are checked when the pin is used on a sheaf.

    Parameters
    ----------
    vertex
        Name of the vertex.
    value
        One number for every coordinate and sample; or an array of shape (dim,), the same for
        every sample; or an array of shape (dim, batch). dim is the number of pinned coordinates.
    coords
        Indices of the pinned coordinates, each once and in the order of ``value``. None (default)
        pins the whole stalk.
    strength
        None (default) pins hard: the coordinates never move. A finite number γ > 0 pins softly:
        an edge ``pin_<vertex>_<i>`` adds ½γ‖x − value‖² to the energy, where i counts the soft
        pins of the vertex from 0.
    """

    vertex: str
    value: ArrayLike
    coords: Sequence[int] | None = None
    strength: float | None = None


def resolve_pins(
    sheaf: Sheaf, pins: Iterable[Pin], batch: int | None = None
) -> dict[str, StalkPins]:
    """Check ``pins`` and return them joined by vertex, in the precision of the sheaf.

    Parameters
    ----------
    sheaf
        The sheaf.
    pins
        Hard and soft pins. Soft pins on one stalk add up.
    batch
        Number of samples. None (default) takes it from the values of shape (dim, batch); it is 1
        if there are none.

    Returns
    -------
    dict
        Vertex name → its pins, for the vertices that have any.

    Raises
    ------
    UnknownNameError
        If a pin names a vertex that the sheaf does not have.
    InputError
        If a value is not an array of real numbers.
    ShapeError
        If a value does not fit its stalk or coordinates, or has another number of samples than
        ``batch`` or another pin.
    NonFiniteError, EmptyBatchError
        If a value holds NaN or infinity, or has no samples.
    PinError
        If two hard pins hold the same coordinate at different values; if coordinates are not
        whole numbers, are empty, out of range or repeated; or if a strength is not positive and
        finite.
    """
    given = list(pins)
    read = [_read(sheaf, pin) for pin in given]
    batches = {
        pin.vertex: value.shape[1]
        for pin, (_, value) in zip(given, read, strict=True)
        if _rank(pin.value) > 1
    }
    for vertex, have in batches.items():
        if batch is not None and have != batch:
            raise ShapeError(f"pin on {vertex!r}: {have} samples, but the run has {batch}")
    sizes = {*batches.values()} or {batch or 1}
    if len(sizes) > 1:
        raise ShapeError(f"the pins have different batches: {batches}")
    samples = sizes.pop()
    grouped: dict[str, list[tuple[Pin, NDArray[np.intp], Array]]] = defaultdict(list)
    for pin, (coords, value) in zip(given, read, strict=True):
        wide = np.broadcast_to(value, (len(coords), samples))
        grouped[pin.vertex].append((pin, coords, wide))
    return {
        vertex: _joined(vertex, sheaf.stalk_dim(vertex), samples, sheaf.dtype, parts)
        for vertex, parts in grouped.items()
    }


def _read(sheaf: Sheaf, pin: Pin) -> tuple[NDArray[np.intp], Array]:
    """Return the coordinates of a pin and its value, with one column or one per sample.

    Raises
    ------
    UnknownNameError
        If the sheaf does not have the vertex.
    InputError
        If the value is not an array of real numbers.
    ShapeError
        If the value does not fit the stalk or the coordinates.
    NonFiniteError, EmptyBatchError
        If the value holds NaN or infinity, or has no samples.
    PinError
        If the coordinates are not whole numbers, are empty, out of range or repeated, or the
        strength is not positive and finite.
    """
    what = f"pin on {pin.vertex!r}"
    coords = _coords(what, pin, sheaf.stalk_dim(pin.vertex))
    strength = pin.strength
    if strength is not None and not 0.0 < strength < math.inf:
        raise PinError(f"{what}: strength is {strength}; it must be positive and finite")
    rank = _rank(pin.value)
    if rank == 0:
        return coords, checked(what, pin.value, (), sheaf.dtype).reshape(1, 1)
    if rank == 1:
        return coords, checked(what, pin.value, (len(coords),), sheaf.dtype)[:, None]
    return coords, checked_samples(what, pin.value, len(coords), sheaf.dtype)


def _rank(value: ArrayLike) -> int:
    try:
        return np.ndim(value)
    except ValueError:  # Rows differ in length: ``checked_samples`` raises a clearer error.
        return 2


def _coords(what: str, pin: Pin, dim: int) -> NDArray[np.intp]:
    """Return the indices of the pinned coordinates of a stalk of dimension ``dim``.

    Raises
    ------
    PinError
        If they are not whole numbers, or are empty, out of range or repeated.
    """
    if pin.coords is None:
        return np.arange(dim)
    coords = np.asarray(pin.coords)
    if coords.ndim != 1 or coords.size == 0 or coords.dtype.kind not in "iu":
        raise PinError(f"{what}: coords are {pin.coords!r}; expected whole numbers, one or more")
    wrong = coords[(coords < 0) | (coords >= dim)]
    if wrong.size:
        raise PinError(f"{what}: no coordinate {wrong[0]}; the stalk has 0 to {dim - 1}")
    twice = [c for c, times in Counter(coords.tolist()).items() if times > 1]
    if twice:
        raise PinError(f"{what}: coordinate {twice[0]} is named twice")
    return coords.astype(np.intp)


def _joined(
    vertex: str,
    dim: int,
    samples: int,
    dtype: np.dtype[Any],
    parts: Sequence[tuple[Pin, NDArray[np.intp], Array]],
) -> StalkPins:
    """Return all pins of one vertex, joined.

    Raises
    ------
    PinError
        If two hard pins hold the same coordinate at different values.
    """
    held = np.zeros(dim, dtype=bool)
    value = np.zeros((dim, samples), dtype)
    springs: list[Spring] = []
    for pin, coords, wanted in parts:
        if pin.strength is None:
            again = held[coords]
            if not np.array_equal(value[coords[again]], wanted[again]):
                raise PinError(
                    f"two hard pins hold {vertex!r} at different values; remove one of them"
                )
            held[coords] = True
            value[coords] = wanted
        else:
            weight, centre = np.zeros((dim, 1), dtype), np.zeros((dim, samples), dtype)
            weight[coords], centre[coords] = pin.strength, wanted
            name = f"pin_{vertex}_{len(springs)}"
            springs.append(Spring(name, frozen(weight), frozen(centre)))
    return StalkPins(held, frozen(value), tuple(springs))
