"""The builder of the pins that a configuration describes."""

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
    """Return the pins of ``config``, each with a value of shape (pinned coordinates, batch).

    Parameters
    ----------
    config
        The configuration.
    sheaf
        The sheaf that the pins are for.
    samples
        The samples; their number is the batch. None for a constant sheaf, for which the batch is 1.
    faults
        Collector to which faults are added. The fault of one pin has the key ``pins.<number>``, and
        this pin is left out of the result.
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
    """Return the pin that ``section`` describes, with a value of shape (coordinates, batch)."""
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
    # An end greater than dim + 1 is replaced by dim + 1, so that the list does not become huge.
    # ``resolve_pins`` refuses either end.
    return list(range(int(first or 0), min(int(end or dim), dim + 1)))


def _stalk(config: Config, samples: Samples | None, section: PinSection, dim: int) -> NDArray[Any]:
    """Return the value that a pin has for the whole stalk; shape (), (dim,) or (dim, batch).

    Raises
    ------
    InputError
        If the pin needs samples or labels and the job does not have them; if the file cannot be
        read or does not have the array; or if the mean cannot be computed.
    """
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
    """Return ``data.scale`` times the mean of inputs in the data file; shape (n_0,).

    Parameters
    ----------
    config
        The configuration; its ``data`` must be an ``.npz`` file.
    over
        Name of the array of the sample indices over which the mean is taken.

    Raises
    ------
    InputError
        If the data are not an ``.npz`` file; if the file does not have the inputs or the array
        ``over``; if this array is empty or is not a list of whole numbers; or if an index is out of
        range.
    """
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
