"""The last few checkpoints of training, in a folder."""

from __future__ import annotations

import contextlib
import logging
import re
import time
from pathlib import Path

from sheafnet.core.sheaf import Sheaf
from sheafnet.errors import FileError, WriteError
from sheafnet.runtime.jobs.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from sheafnet.runtime.jobs.observer import Observer
from sheafnet.runtime.jobs.results import Fit

LOGGER = logging.getLogger("sheafnet")
KEPT = 3
NAME = re.compile(r"checkpoint-(\d+)\.npz")


class CheckpointWriter(Observer):
    """Writes ``checkpoint-<step>.npz``, and keeps the last ones.

    Parameters
    ----------
    folder
        Where.
    pause
        Seconds between two at least, so that training that is evaluated often is not held up; the
        last one is written in any case.
    """

    travels = True

    def __init__(self, folder: Path, pause: float = 1.0) -> None:
        self._folder = folder.resolve()
        self._pause = pause
        self._next = 0.0
        self._unwritten: Checkpoint | None = None

    def reached(self, checkpoint: Checkpoint) -> None:
        """Write it, if it is time."""
        self._unwritten = checkpoint
        if time.monotonic() >= self._next:
            self._write()

    def trained(self, fit: Fit) -> None:  # noqa: ARG002
        self._write()

    def failed(self, error: BaseException) -> None:  # noqa: ARG002
        self._write()

    def _write(self) -> None:
        """Write what has not been; what cannot be ends with a warning, not the training."""
        checkpoint, self._unwritten = self._unwritten, None
        if checkpoint is None:
            return
        self._next = time.monotonic() + self._pause
        try:
            save_checkpoint(self._folder / f"checkpoint-{checkpoint.snapshot.step}.npz", checkpoint)
        except WriteError as error:
            LOGGER.warning("%s", error)
            return
        # Those of later steps are of a training that could not be gone on with.
        earlier = [
            path for step, path in checkpoints(self._folder) if step <= checkpoint.snapshot.step
        ]
        for old in earlier[:-KEPT]:
            with contextlib.suppress(OSError):
                old.unlink()


def checkpoints(folder: Path) -> list[tuple[int, Path]]:
    """Return the checkpoints in ``folder`` by step."""
    found = [(match, path) for path in folder.iterdir() if (match := NAME.fullmatch(path.name))]
    return sorted((int(match[1]), path) for match, path in found)


def last_checkpoint(folder: Path, sheaf: Sheaf) -> Checkpoint | None:
    """Return the last one in ``folder`` that is whole; None if there is none.

    One that is not is named in a warning, and the one before it is taken.
    """
    found = checkpoints(folder)
    for _, path in reversed(found):
        try:
            return load_checkpoint(path, sheaf)
        except FileError as error:
            LOGGER.warning("%s; it is passed over", error)
    if found:
        LOGGER.warning("%s: no checkpoint can be used; training begins anew", folder)
    return None
