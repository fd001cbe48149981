"""A checkpoint of training, as arrays in a file and back."""

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
    """All that it takes to go on with training.

    Attributes
    ----------
    snapshot
        Every map after the same step, and what its optimiser knows.
    history
        What was found on the way, up to the snapshot.
    best
        The maps to give back, where they are those of an earlier evaluation: training has patience.
    """

    snapshot: Snapshot
    history: tuple[Evaluation, ...]
    best: Mapping[str, Affine] | None = None


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write ``checkpoint`` to an ``.npz`` file, whole or not at all.

    It holds ``format_version``, ``step``, ``time``, ``history`` (JSON in UTF-8), and of each edge,
    behind its name: ``lesson`` (its statistics), and where it learns ``W``, ``b``, ``steps`` and
    the arrays of its optimiser; ``earlier`` is a list of [W b] where batches in flight had begun
    with earlier maps, ``best`` is [W b] of the network to give back.

    Raises
    ------
    WriteError
        If it cannot be written.
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
    """Read what ``save_checkpoint`` wrote of training on ``sheaf``.

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
"""What a file may raise that is whole but not what it should be."""


def _count(arrays: Mapping[str, NDArray[Any]], name: str, least: int) -> int:
    count = int(arrays[name])
    if count < least:
        raise InputError(f"{name} is {count}")
    return count


def _extended(learned: Affine) -> Array:
    return np.column_stack([learned.matrix, learned.bias])


def _map(extended: Array, sheaf: Sheaf, edge: str) -> Affine:
    """Return the map [W b], if ``edge`` can have it."""
    if extended.dtype != sheaf.dtype:
        raise InputError(f"a map of {edge!r} is in {extended.dtype}, not in {sheaf.dtype}")
    learned = Affine(extended[:, :-1], extended[:, -1])
    expected = sheaf.edge(edge).tail_map
    if not isinstance(expected, Affine) or learned.matrix.shape != expected.matrix.shape:
        raise InputError(f"a map of {edge!r} has shape {learned.matrix.shape}")
    return learned


def _edge_state(arrays: Mapping[str, NDArray[Any]], sheaf: Sheaf, edge: str) -> EdgeState:
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
    found = None if test is None else Assessment(**test)
    return Evaluation(train=Assessment(**train), test=found, **figures)
