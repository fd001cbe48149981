"""The builder of the samples that a configuration describes."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sheafnet.config.faults import Faults
from sheafnet.config.schema.data import (
    CsvData,
    DataSection,
    FileData,
    InlineData,
    TaskData,
    TestSection,
)
from sheafnet.core.arrays import Array, checked_samples
from sheafnet.core.npz import read_npz
from sheafnet.datasets import task
from sheafnet.errors import FileError, InputError, nearest

LARGEST = 2.0**53
"""Upper bound of labels in a table; below it float64 represents every integer exactly."""


@dataclass(frozen=True, eq=False)
class Samples:
    """The inputs of a job, with labels and targets if the data have them.

    Attributes
    ----------
    inputs
        Inputs, shape (n_0, batch), already multiplied by the setting ``scale``.
    labels
        Integer class labels, shape (batch,); None if the samples have no labels.
    targets
        Targets, shape (n_out, batch); None if the samples have no targets.
    """

    inputs: Array
    labels: NDArray[np.integer[Any]] | None
    targets: Array | None = None

    def require_fit(self, widths: tuple[int, ...], faults: Faults, section: str = "data") -> None:
        """Add a fault if the inputs or the labels do not fit the widths of a network.

        Parameters
        ----------
        widths
            Widths n_0 … n_{k+1} of the layers of the network.
        faults
            Collector to which faults are added.
        section
            Key of the section that describes these samples, which begins the key of a fault:
            ``"data"`` (default) or ``"training.test"``.
        """
        have, classes = self.inputs.shape[0], max(widths[-1], 2)
        if have != widths[0]:
            faults.add(
                f"{section}.inputs", f"the network takes {widths[0]} numbers a sample, got {have}"
            )
        labels = self.labels
        if labels is not None and not 0 <= labels.min() <= labels.max() < classes:
            faults.add(
                f"{section}.labels",
                f"the network has classes 0 to {classes - 1}, got {labels.min()} to {labels.max()}",
            )


def build_samples(data: DataSection, faults: Faults) -> Samples | None:
    """Return the samples that ``data`` describes.

    Parameters
    ----------
    data
        The description of the samples.
    faults
        Collector to which faults are added.

    Returns
    -------
    Samples or None
        The samples. None if a file cannot be read, if an array or a column is missing, if the
        shapes do not fit together, or if a number is not valid; the fault is then in ``faults``.
    """
    match data:
        case FileData():
            arrays = faults.attempt("data.path", lambda: read_npz(data.path))
            return None if arrays is None else _from_file(data, arrays, faults)
        case CsvData():
            return _from_table(data, faults)
        case InlineData():
            labels = None if data.labels is None else np.array(data.labels, dtype=np.int64)
            targets = None if data.targets is None else np.array(data.targets).T
            return _checked(np.array(data.inputs).T, labels, targets, 1.0, faults)
        case TaskData():
            return _from_task(data, 0)


def build_test(data: DataSection, test: TestSection | None, faults: Faults) -> Samples | None:
    """Return the samples on which a training is tested.

    Parameters
    ----------
    data
        The description of the training samples.
    test
        The settings in which the test samples differ from ``data``; None if there are no test
        samples. It must be None for a task, because a task has test samples of its own.
    faults
        Collector to which faults are added, under the key ``training.test``.

    Returns
    -------
    Samples or None
        The test samples. None if there are no test samples, or if a fault was found.
    """
    if isinstance(data, TaskData):
        if test is not None:
            faults.add("training.test", "a task has samples to test on: leave this out")
        return _from_task(data, 1)
    if test is None:
        return None
    if isinstance(data, InlineData):
        faults.add("training.test", "the data are inline; name a file in data to test on another")
        return None
    if isinstance(data, CsvData) and test.subset is not None:
        faults.add("training.test.subset", "a table has no subsets; name another file")
        return None
    change: dict[str, Any] = {"limit": None}
    if test.path is not None:
        change["path"] = test.path
    if isinstance(data, FileData):
        change["subset"] = test.subset
    return build_samples(data.model_copy(update=change), faults.of("data", "training.test"))


def _from_task(data: TaskData, part: int) -> Samples:
    split = task(data.name, data.samples, data.test, data.seed)[part]
    return Samples(split.x, None, split.y)


def _from_table(data: CsvData, faults: Faults) -> Samples | None:
    wanted = {"inputs": data.inputs, "targets": data.targets or []}
    if data.labels is not None:
        wanted["labels"] = [data.labels]
    names = [column for columns in wanted.values() for column in columns]
    table = faults.attempt("data.path", lambda: _read_table(data.path, names))
    if table is None:
        return None
    for key, columns in wanted.items():
        for column in columns:
            if column not in table:
                hint = nearest(column, table)
                faults.add(f"data.{key}", f"{data.path}: no column {column!r}{hint}")
    if faults.found:
        return None

    def taken(columns: Sequence[str]) -> NDArray[np.float64]:
        return np.array([table[column] for column in columns])[:, : data.limit]

    labels: NDArray[Any] | None = None
    if data.labels is not None:
        labels = taken([data.labels])[0]
        if np.array_equal(labels, np.round(labels)) and np.abs(labels).max(initial=0.0) < LARGEST:
            labels = labels.astype(np.int64)
    targets = taken(data.targets) if data.targets else None
    return _checked(taken(data.inputs), labels, targets, data.scale, faults)


def _read_table(path: Path, names: Sequence[str]) -> dict[str, list[float]]:
    """Return column → list of its numbers for every column of the table.

    The list is empty if the column is not in ``names``.

    Raises
    ------
    FileError
        If the file cannot be read; if the first line does not name every column once; if a row and
        the first line have different numbers of fields; or if a field in a column of ``names`` is
        not a number.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = csv.DictReader(stream, strict=True)
            header = list(rows.fieldnames or ())
            if not header or len(set(header)) < len(header):
                raise FileError(f"{path}: the first line is to name every column once")
            columns: dict[str, list[float]] = {name: [] for name in header}
            for row in rows:
                where = f"{path}, line {rows.line_num}"
                if None in row or None in row.values():
                    raise FileError(f"{where}: expected {len(header)} fields")
                for name in set(names) & columns.keys():
                    columns[name].append(_number(row[name], f"{where}, {name}"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FileError(f"{path}: not a table: {error}") from None
    return columns


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise FileError(f"{where}: expected a number, got {text!r}") from None


def _from_file(
    data: FileData, arrays: Mapping[str, NDArray[Any]], faults: Faults
) -> Samples | None:
    names = {
        "inputs": data.inputs,
        "labels": data.labels,
        "targets": data.targets,
        "subset": data.subset,
    }
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
    targets = arrays[data.targets] if data.targets else None
    if targets is not None and (targets.ndim != 2 or targets.shape[1] != inputs.shape[1]):  # noqa: PLR2004
        faults.add(
            "data.targets", f"expected shape (n_out, {inputs.shape[1]}), got {targets.shape}"
        )
    chosen = arrays[data.subset] if data.subset else np.arange(inputs.shape[1])
    faults.attempt("data.subset", lambda: require_indices(chosen, inputs.shape[1]))
    if faults.found:
        return None
    chosen = chosen[: data.limit]
    return _checked(
        inputs[:, chosen],
        None if labels is None else labels[chosen],
        None if targets is None else targets[:, chosen],
        data.scale,
        faults,
    )


def require_indices(chosen: NDArray[Any], samples: int) -> None:
    """Check that ``chosen`` is a one-dimensional array of sample indices.

    Parameters
    ----------
    chosen
        The array to check.
    samples
        Number of samples; the indices must be from 0 to ``samples`` − 1.

    Raises
    ------
    InputError
        If ``chosen`` is not a one-dimensional integer array, or if an index is outside
        0 … ``samples`` − 1.
    """
    if chosen.dtype.kind not in "iu" or chosen.ndim != 1:
        raise InputError("expected a list of sample indices")
    if chosen.size and not 0 <= chosen.min() <= chosen.max() < samples:
        raise InputError(f"indices run past the {samples} samples")


def _checked(
    inputs: NDArray[Any],
    labels: NDArray[Any] | None,
    targets: NDArray[Any] | None,
    scale: float,
    faults: Faults,
) -> Samples | None:
    checked = faults.attempt("data.inputs", lambda: checked_samples("inputs", inputs, None))
    if labels is not None and labels.dtype.kind not in "iu":
        faults.add("data.labels", f"expected whole numbers, got {labels.dtype}")
    elif labels is not None and labels.shape != inputs.shape[1:]:
        faults.add("data.labels", f"expected {inputs.shape[1]}, one a sample, got {labels.size}")
    aims = None
    if targets is not None:
        aims = faults.attempt("data.targets", lambda: checked_samples("targets", targets, None))
        if aims is not None and aims.shape[1] != inputs.shape[1]:
            faults.add("data.targets", f"expected {inputs.shape[1]} samples, got {aims.shape[1]}")
    if checked is None or faults.found:
        return None
    return Samples(checked * scale, labels, aims)
