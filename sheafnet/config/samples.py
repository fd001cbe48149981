"""The samples that a configuration names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sheafnet.config.faults import Faults
from sheafnet.config.schema import FileData, InlineData
from sheafnet.core.arrays import Array, checked_samples
from sheafnet.core.npz import read_npz
from sheafnet.errors import InputError, nearest


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs (n_0, batch) and, where known, their class labels (batch,)."""

    inputs: Array
    labels: NDArray[np.integer[Any]] | None

    def require_fit(self, widths: tuple[int, ...], faults: Faults) -> None:
        """Note as faults what does not fit a network of these widths."""
        have, classes = self.inputs.shape[0], max(widths[-1], 2)
        if have != widths[0]:
            faults.add("data.inputs", f"the network takes {widths[0]} numbers a sample, got {have}")
        labels = self.labels
        if labels is not None and not 0 <= labels.min() <= labels.max() < classes:
            faults.add(
                "data.labels",
                f"the network has classes 0 to {classes - 1}, got {labels.min()} to {labels.max()}",
            )


def build_samples(data: FileData | InlineData, faults: Faults) -> Samples | None:
    """Return the samples that ``data`` describes; None, and the faults, if it cannot be done."""
    if isinstance(data, FileData):
        arrays = faults.attempt("data.path", lambda: read_npz(data.path))
        return None if arrays is None else _from_file(data, arrays, faults)
    labels = None if data.labels is None else np.array(data.labels, dtype=np.int64)
    return _checked(np.array(data.inputs).T, labels, 1.0, faults)


def _from_file(
    data: FileData, arrays: Mapping[str, NDArray[Any]], faults: Faults
) -> Samples | None:
    names = {"inputs": data.inputs, "labels": data.labels, "subset": data.subset}
    for key, name in names.items():
        if name is not None and name not in arrays:
            faults.add(f"data.{key}", f"{data.path}: no array {name!r}{nearest(name, arrays)}")
    if faults.found:
        return None
    inputs = arrays[data.inputs]
    if inputs.ndim != 2:  # noqa: PLR2004
        faults.add("data.inputs", f"expected shape (n_0, samples), got {inputs.shape}")
        return None
    labels = arrays[data.labels] if data.labels else None
    if labels is not None and labels.shape != inputs.shape[1:]:
        faults.add("data.labels", f"expected shape {inputs.shape[1:]}, got {labels.shape}")
    chosen = arrays[data.subset] if data.subset else np.arange(inputs.shape[1])
    faults.attempt("data.subset", lambda: require_indices(chosen, inputs.shape[1]))
    if faults.found:
        return None
    chosen = chosen[: data.limit]
    return _checked(
        inputs[:, chosen], None if labels is None else labels[chosen], data.scale, faults
    )


def require_indices(chosen: NDArray[Any], samples: int) -> None:
    """Raise ``InputError`` unless ``chosen`` is a list of indices of so many samples."""
    if chosen.dtype.kind not in "iu" or chosen.ndim != 1:
        raise InputError("expected a list of sample indices")
    if chosen.size and not 0 <= chosen.min() <= chosen.max() < samples:
        raise InputError(f"indices run past the {samples} samples")


def _checked(
    inputs: NDArray[Any], labels: NDArray[Any] | None, scale: float, faults: Faults
) -> Samples | None:
    checked = faults.attempt("data.inputs", lambda: checked_samples("inputs", inputs, None))
    if labels is not None and labels.dtype.kind not in "iu":
        faults.add("data.labels", f"expected whole numbers, got {labels.dtype}")
    elif labels is not None and labels.shape != inputs.shape[1:]:
        faults.add("data.labels", f"expected {inputs.shape[1]}, one a sample, got {labels.size}")
    if checked is None or faults.found:
        return None
    return Samples(checked * scale, labels)
