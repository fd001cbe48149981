"""The pins that a configuration names."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sheafnet.config.faults import Faults
from sheafnet.config.samples import Samples
from sheafnet.config.schema import Config, FileData, PinSection
from sheafnet.core.npz import read_npz
from sheafnet.core.pins import Pin, resolve_pins
from sheafnet.core.sheaf import Sheaf
from sheafnet.errors import InputError, nearest


def build_pins(config: Config, sheaf: Sheaf, samples: Samples, faults: Faults) -> tuple[Pin, ...]:
    """Return the pins of ``config``; what is wrong with one is noted under its number."""
    pins = []
    for number, section in enumerate(config.pins):
        pin = faults.attempt(f"pins.{number}", partial(_pin, config, sheaf, samples, section))
        if pin is not None:
            pins.append(pin)
    if not faults.found:
        faults.attempt("pins", lambda: resolve_pins(sheaf, pins, samples.inputs.shape[1]))
    return tuple(pins)


def _pin(config: Config, sheaf: Sheaf, samples: Samples, section: PinSection) -> Pin:
    dim = sheaf.stalk_dim(section.vertex)
    coords = _coords(section.coords, dim)
    value = _value(config, samples, section, dim)
    if coords is not None and np.ndim(value) > 0 and section.value is None:
        value = np.asarray(value)[coords]
    pin = Pin(section.vertex, value, coords, section.strength)
    resolve_pins(sheaf, [pin], samples.inputs.shape[1])
    return pin


def _coords(coords: list[int] | str | None, dim: int) -> list[int] | None:
    if not isinstance(coords, str):
        return coords
    first, end = coords.split(":")
    return list(range(int(first or 0), int(end or dim)))


def _value(config: Config, samples: Samples, section: PinSection, dim: int) -> ArrayLike:
    if section.value is not None:
        return section.value
    if section.file is not None:
        return _named(read_npz(section.file), section.array or section.vertex, str(section.file))
    inputs = samples.inputs
    if section.data == "labels":
        return _one_hot(samples.labels, dim)
    if section.data == "mean":
        return _mean(config, section.over) if section.over else inputs.mean(axis=1)
    if inputs.shape[0] != dim:
        raise InputError(
            f"{section.vertex!r} has {dim} coordinates, but the inputs {inputs.shape[0]}"
        )
    return inputs


def _named(arrays: Mapping[str, NDArray[Any]], name: str, where: str) -> NDArray[Any]:
    if name not in arrays:
        raise InputError(f"{where}: no array {name!r}{nearest(name, arrays)}")
    return arrays[name]


def _one_hot(labels: NDArray[np.integer[Any]] | None, dim: int) -> NDArray[np.float64]:
    """Return labels as (classes, batch), or (1, batch) where one output tells two classes."""
    if labels is None:
        raise InputError("the data have no labels; name them in data.labels")
    classes = max(dim, 2)
    if labels.max() >= classes:
        raise InputError(f"labels run to {labels.max()}, but there are {classes} classes")
    if dim == 1:
        return labels[None, :].astype(np.float64)
    return np.asarray(np.eye(dim)[:, labels])


def _mean(config: Config, over: str) -> NDArray[np.float64]:
    """Return the mean of the inputs of a data file over some of its samples, scaled."""
    data = config.data
    if not isinstance(data, FileData):
        raise InputError("over names an array of a data file, but the data are inline")
    arrays = read_npz(data.path)
    inputs, chosen = (_named(arrays, name, str(data.path)) for name in (data.inputs, over))
    return np.asarray(inputs[:, chosen].mean(axis=1) * data.scale)
