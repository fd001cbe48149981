"""The pins that a user creates, and their conversion into one object for each pinned vertex."""

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
    """A pin: it holds coordinates of a stalk at a value, or pulls them towards a value.

    The arguments are not checked by the constructor, but when the pin is used on a sheaf.

    Parameters
    ----------
    vertex
        Name of the vertex.
    value
        Value of the pinned coordinates. It is one number for all coordinates and samples, an array
        of shape (dim,) that is used for every sample, or an array of shape (dim, batch). Here dim
        is the number of pinned coordinates.
    coords
        Indices of the pinned coordinates. They are in the order of the rows of ``value``, and no
        index is repeated. None (default) pins all coordinates of the stalk.
    strength
        With None (default) the pin is hard: it holds the coordinates at ``value``. With a finite
        number γ > 0 the pin is soft: an edge with the name ``pin_<vertex>_<i>`` adds
        ½γ‖x − value‖² to the energy. Here x are the pinned coordinates, and i numbers the soft pins
        of the vertex from 0.
    """

    vertex: str
    value: ArrayLike
    coords: Sequence[int] | None = None
    strength: float | None = None


def resolve_pins(
    sheaf: Sheaf, pins: Iterable[Pin], batch: int | None = None
) -> dict[str, StalkPins]:
    """Check ``pins`` and return, for each pinned vertex, all of its pins in one object.

    The arrays in these objects have the precision of the sheaf.

    Parameters
    ----------
    sheaf
        The sheaf.
    pins
        Hard and soft pins. The energies of several soft pins on one stalk are added.
    batch
        Number of samples. With None (default) it is the number of samples of the pins whose value
        has the shape (dim, batch), or 1 if there is no such pin.

    Returns
    -------
    dict
        Vertex name → pins of the vertex. A vertex without pins has no entry.

    Raises
    ------
    UnknownNameError
        If a pin names a vertex that the sheaf does not have.
    InputError
        If a value is not an array of real numbers.
    ShapeError
        If the shape of a value does not match the number of pinned coordinates, if its number of
        samples is not ``batch``, or if two values have different numbers of samples.
    NonFiniteError
        If a value holds NaN or infinity.
    EmptyBatchError
        If a value has no samples.
    PinError
        If two hard pins hold the same coordinate at different values; if the coordinates of a pin
        are an empty sequence or not whole numbers; if a coordinate is out of range or repeated; or
        if a strength is not positive and finite.
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
    """Return the indices of the pinned coordinates, and the value of the pin as a matrix.

    The matrix has one row per coordinate, or a single row if the value is one number. It has one
    column per sample, or a single column if the value is the same for all samples.

    Raises
    ------
    UnknownNameError
        If the sheaf does not have the vertex.
    InputError
        If the value is not an array of real numbers.
    ShapeError
        If the shape of the value does not match the number of pinned coordinates.
    NonFiniteError
        If the value holds NaN or infinity.
    EmptyBatchError
        If the value has no samples.
    PinError
        If the coordinates are an empty sequence or not whole numbers; if a coordinate is out of
        range or repeated; or if the strength is not positive and finite.
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
    except ValueError:  # The rows differ in length. ``checked_samples`` raises a clearer error.
        return 2


def _coords(what: str, pin: Pin, dim: int) -> NDArray[np.intp]:
    """Return the indices of the pinned coordinates of a stalk of dimension ``dim``.

    Raises
    ------
    PinError
        If the coordinates are an empty sequence or not whole numbers, or if a coordinate is out of
        range or repeated.
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
    """Return all pins of one vertex in one object.

    Each entry of ``parts`` is a pin with its coordinates and its value, shape (coordinates,
    samples).

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
