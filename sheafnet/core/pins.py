"""Pins as they are asked for, and what they come to on a sheaf."""

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
    """Holds a stalk at a value, or pulls it there.

    Attributes
    ----------
    vertex
        Name of the vertex.
    value
        One number for all, shape (dim,) for all samples alike, or (dim, batch).
    coords
        The coordinates that it is for, in the order of ``value``; None for the whole stalk.
    strength
        None pins hard: the coordinates never move. A number γ > 0 pins softly: an edge
        ``pin_<vertex>_<i>`` adds ½γ‖x − value‖² to the energy.
    """

    vertex: str
    value: ArrayLike
    coords: Sequence[int] | None = None
    strength: float | None = None


def resolve_pins(
    sheaf: Sheaf, pins: Iterable[Pin], batch: int | None = None
) -> dict[str, StalkPins]:
    """Return what ``pins`` do to each stalk, in the precision of the sheaf.

    Parameters
    ----------
    sheaf
        The sheaf.
    pins
        Pins; soft ones on one stalk add up.
    batch
        Number of samples; None takes it from the values of shape (dim, batch), and 1 if there
        are none.

    Raises
    ------
    UnknownNameError
        If a pin names a vertex that is not there.
    ShapeError
        If a value does not fit its stalk or coordinates, or two pins have different batches.
    NonFiniteError, EmptyBatchError
        If a value holds NaN or infinity, or has no samples.
    PinError
        If two pins hold the same coordinate at different values, a coordinate is not there or
        named twice, or a strength is not positive and finite.
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
    """Return the coordinates of a pin, and its value with one column or one a sample."""
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
    except ValueError:  # rows of different lengths, which a check says better
        return 2


def _coords(what: str, pin: Pin, dim: int) -> NDArray[np.intp]:
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
