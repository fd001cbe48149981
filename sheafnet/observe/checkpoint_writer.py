"""The checkpoint files of a training: an observer that writes them, and functions to read them."""

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
    """An observer that writes checkpoints as ``checkpoint-<step>.npz`` and keeps the last three.

    Parameters
    ----------
    folder
        Folder of the files; it must exist.
    pause
        Smallest time between the writing of two files, in seconds; 1 by default. A checkpoint that
        comes earlier is not written, since frequent writing would slow down the training. The last
        checkpoint of the training is always written.
    """

    travels = True

    def __init__(self, folder: Path, pause: float = 1.0) -> None:
        self._folder = folder.resolve()
        self._pause = pause
        self._next = 0.0
        self._unwritten: Checkpoint | None = None

    def reached(self, checkpoint: Checkpoint) -> None:
        """Write the checkpoint, unless a file was written less than ``pause`` seconds ago."""
        self._unwritten = checkpoint
        if time.monotonic() >= self._next:
            self._write()

    def trained(self, fit: Fit) -> None:  # noqa: ARG002
        self._write()

    def failed(self, error: BaseException) -> None:  # noqa: ARG002
        self._write()

    def _write(self) -> None:
        """Write the latest checkpoint if it has not been written yet.

        If the file cannot be written, a warning is logged and the training goes on.
        """
        checkpoint, self._unwritten = self._unwritten, None
        if checkpoint is None:
            return
        self._next = time.monotonic() + self._pause
        try:
            save_checkpoint(self._folder / f"checkpoint-{checkpoint.snapshot.step}.npz", checkpoint)
        except WriteError as error:
            LOGGER.warning("%s", error)
            return
        # A file of a later step was written before the training was resumed. The file could not be
        # read then. It is not deleted.
        earlier = [
            path for step, path in checkpoints(self._folder) if step <= checkpoint.snapshot.step
        ]
        for old in earlier[:-KEPT]:
            with contextlib.suppress(OSError):
                old.unlink()


def checkpoints(folder: Path) -> list[tuple[int, Path]]:
    """Return the checkpoint files in a folder as pairs (step, path), in ascending order of step.

    Parameters
    ----------
    folder
        Folder to look in; it must exist.
    """
    found = [(match, path) for path in folder.iterdir() if (match := NAME.fullmatch(path.name))]
    return sorted((int(match[1]), path) for match, path in found)


def last_checkpoint(folder: Path, sheaf: Sheaf) -> Checkpoint | None:
    """Return the latest checkpoint in a folder that can be read.

    If a file cannot be read, a warning is logged, and the next earlier file is tried.

    Parameters
    ----------
    folder
        Folder to look in; it must exist.
    sheaf
        Sheaf of the network that is trained. A checkpoint of another network counts as a file that
        cannot be read.

    Returns
    -------
    Checkpoint or None
        The checkpoint. None if the folder has no checkpoint that can be read.
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
