"""The pins that a configuration names."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sheafnet.config.builders.samples import Samples, require_indices
from sheafnet.config.faults import Faults
from sheafnet.config.schema.data import FileData
from sheafnet.config.schema.job import Config, PinSection
from sheafnet.core.npz import read_npz
from sheafnet.core.pins import Pin, resolve_pins
from sheafnet.core.sheaf import Sheaf
from sheafnet.core.targets import one_hot
from sheafnet.errors import InputError, nearest


def build_pins(
    config: Config, sheaf: Sheaf, samples: Samples | None, faults: Faults
) -> tuple[Pin, ...]:
    """Return the pins of ``config``; what is wrong with one is noted under its number.

    Without samples the batch is one.
    """
    pins = []
    batch = 1 if samples is None else samples.inputs.shape[1]
    for number, section in enumerate(config.pins):
        pin = faults.attempt(
            f"pins.{number}", partial(_pin, config, sheaf, samples, batch, section)
        )
        if pin is not None:
            pins.append(pin)
    if not faults.found:
        faults.attempt("pins", lambda: resolve_pins(sheaf, pins, batch))
    return tuple(pins)


def _pin(
    config: Config, sheaf: Sheaf, samples: Samples | None, batch: int, section: PinSection
) -> Pin:
    """Return a pin with a value for every sample of the run, so that its batch is that."""
    dim = sheaf.stalk_dim(section.vertex)
    coords = _coords(section.coords, dim)
    resolve_pins(sheaf, [Pin(section.vertex, 0.0, coords, section.strength)])
    value = np.asarray(section.value)
    if section.value is None:
        whole = _stalk(config, samples, section, dim)
        resolve_pins(sheaf, [Pin(section.vertex, whole)], batch)
        value = whole if coords is None or whole.ndim == 0 else whole[coords]
    resolve_pins(sheaf, [Pin(section.vertex, value, coords)], batch)
    if value.ndim == 1:
        value = value[:, None]
    wide = np.broadcast_to(value, (dim if coords is None else len(coords), batch))
    return Pin(section.vertex, wide, coords, section.strength)


def _coords(coords: list[int] | str | None, dim: int) -> list[int] | None:
    if not isinstance(coords, str):
        return coords
    first, end = coords.split(":")
    # One past the last is refused like any that is farther.
    return list(range(int(first or 0), min(int(end or dim), dim + 1)))


def _stalk(config: Config, samples: Samples | None, section: PinSection, dim: int) -> NDArray[Any]:
    """Return what the whole stalk would be pinned to."""
    if section.file is not None:
        return _named(read_npz(section.file), section.array or section.vertex, str(section.file))
    if samples is None:
        raise InputError("there are no data; give value or file")
    if section.data == "labels":
        if samples.labels is None:
            raise InputError("the data have no labels; name them in data.labels")
        return one_hot(samples.labels, dim)
    if section.data == "mean":
        return _mean(config, section.over) if section.over else samples.inputs.mean(axis=1)
    return samples.inputs


def _named(arrays: Mapping[str, NDArray[Any]], name: str, where: str) -> NDArray[Any]:
    if name not in arrays:
        raise InputError(f"{where}: no array {name!r}{nearest(name, arrays)}")
    return arrays[name]


def _mean(config: Config, over: str) -> NDArray[np.float64]:
    """Return the mean of the inputs of a data file over some of its samples, scaled."""
    data = config.data
    if not isinstance(data, FileData):
        raise InputError("over names an array of a data file, but the data are inline")
    arrays = read_npz(data.path)
    inputs, chosen = (_named(arrays, name, str(data.path)) for name in (data.inputs, over))
    try:
        require_indices(chosen, inputs.shape[1])
    except InputError as error:
        raise InputError(f"over {over!r}: {error}") from None
    if not chosen.size:
        raise InputError(f"over {over!r}: no samples")
    return np.asarray(inputs[:, chosen].mean(axis=1) * data.scale)
