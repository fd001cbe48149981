"""A cut of training as arrays, and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sheafnet.core.maps import Affine
from sheafnet.core.npz import read_npz, write_npz
from sheafnet.core.sheaf import Sheaf
from sheafnet.dynamics.lessons import Cut, Kept, Lesson
from sheafnet.dynamics.optimisers import Memory
from sheafnet.errors import FileError, InputError

VERSION = 2


def save_cut(path: Path, cut: Cut) -> None:
    """Write ``cut`` to an ``.npz`` file, whole or not at all.

    It holds ``format_version``, ``step``, ``time``, and of each edge, behind its name: ``lesson``,
    and where it learns ``W``, ``b``, ``steps`` and the arrays of its optimiser; ``earlier`` is a
    list of [W b] where batches were under way that had begun with earlier maps.

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    arrays: dict[str, ArrayLike] = {
        "format_version": VERSION,
        "step": cut.step,
        "time": cut.time,
        "edges": list(cut.kept),
    }
    for edge, kept in cut.kept.items():
        if kept.lesson is not None:
            arrays[f"{edge}/lesson"] = np.array(kept.lesson)
        if kept.map is not None and kept.memory is not None:
            arrays |= {f"{edge}/W": kept.map.matrix, f"{edge}/b": kept.map.bias}
            arrays[f"{edge}/steps"] = kept.memory.steps
            if kept.earlier:
                both = [np.column_stack([it.matrix, it.bias]) for it in kept.earlier]
                arrays[f"{edge}/earlier"] = np.stack(both)
            arrays |= {f"{edge}/memory/{name}": a for name, a in kept.memory.arrays.items()}
    write_npz(path, arrays)


def load_cut(path: Path, sheaf: Sheaf) -> Cut:
    """Read what ``save_cut`` wrote of training on ``sheaf``.

    Raises
    ------
    FileError
        If it is missing, damaged, of another version, or of another network.
    """
    arrays = read_npz(path)
    version = arrays.get("format_version")
    if version is None or version.shape or version != VERSION:
        raise FileError(f"{path}: checkpoint format version {version}; this is {VERSION}")
    try:
        edges = [edge.name for edge in sheaf.edges]
        if [str(edge) for edge in arrays["edges"]] != edges:
            raise InputError("it is of a network with other edges")
        kept = {edge: _kept(arrays, sheaf, edge) for edge in edges}
        return Cut(int(arrays["step"]), float(arrays["time"]), kept)
    except (KeyError, TypeError, ValueError, InputError) as error:
        raise FileError(f"{path}: not a checkpoint of this training ({error})") from None


def _kept(arrays: Mapping[str, NDArray[Any]], sheaf: Sheaf, edge: str) -> Kept:
    step, discord, tension, length = arrays[f"{edge}/lesson"].tolist()
    lesson = Lesson(int(step), discord, tension, length)
    if f"{edge}/W" not in arrays:
        return Kept(None, None, lesson)
    affine = Affine(arrays[f"{edge}/W"], arrays[f"{edge}/b"])
    earlier = [Affine(it[:, :-1], it[:, -1]) for it in arrays.get(f"{edge}/earlier", ())]
    expected = sheaf.edge(edge).tail_map
    for it in (affine, *earlier):
        if not isinstance(expected, Affine) or it.matrix.shape != expected.matrix.shape:
            raise InputError(f"a map of {edge!r} has shape {it.matrix.shape}")
    mine = f"{edge}/memory/"
    memory = {name.removeprefix(mine): a for name, a in arrays.items() if name.startswith(mine)}
    dim, inner = affine.matrix.shape
    whole = {"stalks": (inner + 1, inner + 1), "tensions": (dim, dim)}
    for name, array in memory.items():
        if array.shape != whole.get(name, (dim, inner + 1)) or not np.isfinite(array).all():
            raise InputError(f"{name!r} of the optimiser of {edge!r} does not fit its map")
    learner = Memory(int(arrays[f"{edge}/steps"]), memory)
    return Kept(affine, learner, lesson, tuple(earlier))
