"""From a valid configuration to the things that it names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from sheafnet import api
from sheafnet.config.schema import (
    Config,
    FileData,
    FileNetwork,
    HeatRule,
    InlineData,
    RandomNetwork,
)
from sheafnet.core.arrays import Array, checked_samples
from sheafnet.core.network import ReluNetwork
from sheafnet.core.npz import read_npz
from sheafnet.core.pins import Pin
from sheafnet.dynamics.lockstep import Lockstep
from sheafnet.dynamics.rule import Rule
from sheafnet.dynamics.rules import Coboundary, Heat
from sheafnet.dynamics.stop import Stop
from sheafnet.errors import ConfigError, Fault, InputError, ShapeError, UnknownNameError, nearest
from sheafnet.runtime.ports import Observer
from sheafnet.runtime.run import Run

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs (n_0, batch) and, where known, their class labels (batch,)."""

    inputs: Array
    labels: NDArray[np.integer[Any]] | None


@dataclass(frozen=True, eq=False)
class InferJob:
    """A network whose input is pinned to samples, and how to relax it."""

    config: Config
    network: ReluNetwork
    samples: Samples

    def start(self, observer: Observer) -> Run:
        """Begin the run; see ``api.start``."""
        config = self.config
        return api.start(
            self.network.to_sheaf(),
            [Pin("a0", self.samples.inputs)],
            rule=build_rule(config),
            runtime=Lockstep(config.runtime.schedule),
            stop=Stop(config.stop.stationarity, config.stop.max_rounds, config.stop.max_time),
            init=config.init,
            seed=config.seed,
            observer=observer,
        )


def build_job(config: Config, source: Path) -> InferJob:
    """Read and check everything that ``config`` names.

    Raises
    ------
    ConfigError
        With every fault found, each under its key.
    """
    faults: list[Fault] = []

    def attempt(key: str, make: Callable[[], T]) -> T | None:
        try:
            return make()
        except InputError as error:
            faults.append(Fault(str(source), key, str(error)))
            return None

    network = attempt("network", lambda: build_network(config))
    samples = attempt("data", lambda: build_samples(config.data))
    if network is not None and samples is not None:
        attempt("data", lambda: _require_fit(network, samples))
    if network is None or samples is None or faults:
        raise ConfigError(faults)
    return InferJob(config, network, samples)


def build_network(config: Config) -> ReluNetwork:
    """Return the network of ``config``, in its precision."""
    match config.network:
        case FileNetwork(path=path):
            network = ReluNetwork.load(path)
        case RandomNetwork(widths=widths, seed=seed, output=output):
            network = ReluNetwork.random(widths, seed, output)
    return network.astype(config.dtype)


def build_rule(config: Config) -> Rule:
    """Return the rule of ``config`` with its settings."""
    return Heat(config.rule.dt) if isinstance(config.rule, HeatRule) else Coboundary()


def build_samples(data: FileData | InlineData) -> Samples:
    """Return the samples that ``data`` describes.

    Raises
    ------
    InputError
        If an array is missing, has the wrong shape, or holds NaN or infinity.
    """
    if isinstance(data, InlineData):
        widths = {len(row) for row in data.inputs}
        if len(widths) > 1:
            raise ShapeError(f"inputs: the rows have different lengths: {sorted(widths)}")
        return _samples(np.array(data.inputs).T, data.labels)
    arrays = read_npz(data.path)

    def array(name: str) -> NDArray[Any]:
        if name not in arrays:
            raise UnknownNameError(f"{data.path}: no array {name!r}{nearest(name, arrays)}")
        return arrays[name]

    inputs = array(data.inputs)
    labels = array(data.labels) if data.labels else None
    if inputs.ndim != 2:  # noqa: PLR2004
        raise ShapeError(f"{data.inputs}: expected shape (n_0, samples), got {inputs.shape}")
    chosen = array(data.subset) if data.subset else np.arange(inputs.shape[1])
    if chosen.dtype.kind not in "iu" or chosen.ndim != 1:
        raise ShapeError(f"{data.subset}: expected a list of sample indices")
    if chosen.size and not 0 <= chosen.min() <= chosen.max() < inputs.shape[1]:
        raise ShapeError(f"{data.subset}: indices run past the {inputs.shape[1]} samples")
    chosen = chosen[: data.limit]
    if labels is not None and labels.shape != inputs.shape[1:]:
        raise ShapeError(f"{data.labels}: expected shape {inputs.shape[1:]}, got {labels.shape}")
    return _samples(inputs[:, chosen] * data.scale, None if labels is None else labels[chosen])


def _samples(inputs: NDArray[Any], labels: object) -> Samples:
    checked = checked_samples("inputs", inputs, None)
    classes = None if labels is None else np.asarray(labels)
    if classes is not None and classes.dtype.kind not in "iu":
        raise InputError(f"labels: expected whole numbers, got {classes.dtype}")
    if classes is not None and classes.shape != (checked.shape[1],):
        raise ShapeError(f"labels: expected {checked.shape[1]}, one a sample, got {classes.size}")
    return Samples(checked, classes)


def _require_fit(network: ReluNetwork, samples: Samples) -> None:
    width, classes = network.widths[0], network.widths[-1]
    if samples.inputs.shape[0] != width:
        raise ShapeError(
            f"inputs: the network takes {width} numbers a sample, got {samples.inputs.shape[0]}"
        )
    labels = samples.labels
    if labels is not None and not 0 <= labels.min() <= labels.max() < classes:
        raise InputError(
            f"labels: the network has classes 0 to {classes - 1}, "
            f"got {labels.min()} to {labels.max()}"
        )
