"""A checkpoint of a training, and the functions that write it to a file and read it back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sheafnet.core.arrays import Array
from sheafnet.core.loss import Assessment
from sheafnet.core.maps import Affine
from sheafnet.core.npz import read_npz, write_npz
from sheafnet.core.sheaf import Sheaf
from sheafnet.dynamics.optimisers import SavedState
from sheafnet.dynamics.training_state import EdgeState, EdgeStats
from sheafnet.errors import FileError, InputError
from sheafnet.runtime.run_record import Evaluation
from sheafnet.runtime.snapshot import Snapshot

VERSION = 2


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A checkpoint: a snapshot of a training and its evaluations. Training can be resumed from it.

    Attributes
    ----------
    snapshot
        Every map after the same step, with the state of its optimiser.
    history
        Evaluations in order, from the evaluation before the first step to that of the snapshot.
    best
        Edge → map of the evaluation with the lowest loss so far, if the training has ``patience``
        and this evaluation is earlier than the snapshot. Otherwise None (default): the maps that
        the training would return are those of the snapshot.
    """

    snapshot: Snapshot
    history: tuple[Evaluation, ...]
    best: Mapping[str, Affine] | None = None


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write ``checkpoint`` to an ``.npz`` file.

    If writing fails or is interrupted, there is no incomplete file at ``path``.

    The arrays of the file are ``format_version``, ``step``, ``time``, ``edges`` (the names),
    ``history`` (JSON in UTF-8), and for each edge:

    - ``<edge>/lesson``: the statistics of the edge in that step;
    - ``<edge>/W``, ``<edge>/b``: the map of the edge, if it is updated in training;
    - ``<edge>/steps``, ``<edge>/memory/<name>``: the state of the optimiser of that map;
    - ``<edge>/earlier``: a stack of the earlier maps [W b] that batches in flight use, if there are
      any;
    - ``<edge>/best``: the map [W b] in ``checkpoint.best``, if this is not None.

    W is the matrix of a map and b its bias.

    Parameters
    ----------
    path
        File to write, with the ending ``.npz``.
    checkpoint
        Checkpoint to write.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    snapshot = checkpoint.snapshot
    history = json.dumps([asdict(evaluation) for evaluation in checkpoint.history])
    arrays: dict[str, ArrayLike] = {
        "format_version": VERSION,
        "step": snapshot.step,
        "time": snapshot.time,
        "edges": list(snapshot.edge_states),
        "history": np.frombuffer(history.encode(), np.uint8),
    }
    for edge, state in snapshot.edge_states.items():
        if state.stats is not None:
            arrays[f"{edge}/lesson"] = np.array(state.stats)
        if state.map is not None and state.saved is not None:
            arrays |= {f"{edge}/W": state.map.matrix, f"{edge}/b": state.map.bias}
            arrays[f"{edge}/steps"] = state.saved.steps
            if state.earlier:
                arrays[f"{edge}/earlier"] = np.stack([_extended(it) for it in state.earlier])
            arrays |= {f"{edge}/memory/{name}": a for name, a in state.saved.arrays.items()}
    for edge, learned in (checkpoint.best or {}).items():
        arrays[f"{edge}/best"] = _extended(learned)
    write_npz(path, arrays)


def load_checkpoint(path: Path, sheaf: Sheaf) -> Checkpoint:
    """Return the checkpoint that ``save_checkpoint`` wrote to a file.

    Parameters
    ----------
    path
        File to read.
    sheaf
        Sheaf of the network that is trained. Its edges, its precision and the shapes of its maps
        must be those of the checkpoint.

    Raises
    ------
    FileError
        If the file is missing or damaged, if it has another format version, if its content is not
        a checkpoint, or if it is the checkpoint of another network.
    InputError
        In the same cases, since ``FileError`` is a subclass of ``InputError``.
    """
    arrays = read_npz(path)
    version = arrays.get("format_version")
    if version is None or version.shape or version != VERSION:
        raise FileError(f"{path}: checkpoint format version {version}; this is {VERSION}")
    try:
        edges = [edge.name for edge in sheaf.edges]
        if [str(edge) for edge in arrays["edges"]] != edges:
            raise InputError("it is of a network with other edges")
        states = {edge: _edge_state(arrays, sheaf, edge) for edge in edges}
        snapshot = Snapshot(_count(arrays, "step", 1), float(arrays["time"]), states)
        history = tuple(_evaluation(**it) for it in json.loads(arrays["history"].tobytes()))
        best = {e: _map(arrays[f"{e}/best"], sheaf, e) for e in edges if f"{e}/best" in arrays}
        if not history:
            raise InputError("its history is empty")
        if not math.isfinite(snapshot.time):
            raise InputError(f"its time is {snapshot.time}")
        if len({len(it.earlier) for it in states.values() if it.map is not None}) != 1:
            raise InputError("its edges do not have equally many earlier maps")
        if best and best.keys() != snapshot.maps.keys():
            raise InputError("the best network is not whole")
        return Checkpoint(snapshot, history, best or None)
    except _ILL_FORMED as error:
        raise FileError(f"{path}: not a checkpoint of this training ({error})") from None


_ILL_FORMED = (
    AttributeError, IndexError, InputError, KeyError, OverflowError, RecursionError, TypeError,
    ValueError,
)  # fmt: skip
"""Errors that occur when the content of a readable file is not a checkpoint of this training."""


def _count(arrays: Mapping[str, NDArray[Any]], name: str, least: int) -> int:
    """Return the whole number that the array ``name`` contains.

    Raises
    ------
    InputError
        If the number is less than ``least``.
    """
    count = int(arrays[name])
    if count < least:
        raise InputError(f"{name} is {count}")
    return count


def _extended(learned: Affine) -> Array:
    """Return [W b], the matrix W of an affine map with its bias b as a further column."""
    return np.column_stack([learned.matrix, learned.bias])


def _map(extended: Array, sheaf: Sheaf, edge: str) -> Affine:
    """Return the affine map of ``edge`` whose matrix [W b] is ``extended``.

    Raises
    ------
    InputError
        If ``extended`` has another precision than the sheaf, if its shape does not fit the map of
        the edge, or if the edge has no affine map.
    """
    if extended.dtype != sheaf.dtype:
        raise InputError(f"a map of {edge!r} is in {extended.dtype}, not in {sheaf.dtype}")
    learned = Affine(extended[:, :-1], extended[:, -1])
    expected = sheaf.edge(edge).tail_map
    if not isinstance(expected, Affine) or learned.matrix.shape != expected.matrix.shape:
        raise InputError(f"a map of {edge!r} has shape {learned.matrix.shape}")
    return learned


def _edge_state(arrays: Mapping[str, NDArray[Any]], sheaf: Sheaf, edge: str) -> EdgeState:
    """Return the state of ``edge`` that the arrays of a file contain.

    Raises
    ------
    InputError
        If a map does not fit the edge, if an array of the optimiser does not fit the map, or if a
        map or such an array is not finite.
    """
    step, discord, tension, step_norm = arrays[f"{edge}/lesson"].tolist()
    stats = EdgeStats(int(step), discord, tension, step_norm)
    if not isinstance(sheaf.edge(edge).tail_map, Affine):
        return EdgeState(None, None, stats)
    newest = _map(np.column_stack([arrays[f"{edge}/W"], arrays[f"{edge}/b"]]), sheaf, edge)
    earlier = tuple(_map(it, sheaf, edge) for it in arrays.get(f"{edge}/earlier", ()))
    mine = f"{edge}/memory/"
    saved = {name.removeprefix(mine): a for name, a in arrays.items() if name.startswith(mine)}
    dim, inner = newest.matrix.shape
    whole = {"stalks": (inner + 1, inner + 1), "tensions": (dim, dim)}
    for name, array in saved.items():
        if array.shape != whole.get(name, (dim, inner + 1)) or not np.isfinite(array).all():
            raise InputError(f"{name!r} of the optimiser of {edge!r} does not fit its map")
    return EdgeState(newest, SavedState(_count(arrays, f"{edge}/steps", 0), saved), stats, earlier)


def _evaluation(
    *, train: dict[str, Any], test: dict[str, Any] | None, **figures: Any
) -> Evaluation:
    """Return the evaluation whose fields were read from JSON."""
    found = None if test is None else Assessment(**test)
    return Evaluation(train=Assessment(**train), test=found, **figures)
