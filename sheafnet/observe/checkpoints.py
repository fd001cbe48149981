"""Checkpoints of training in a folder: the last few cuts."""

from __future__ import annotations

import contextlib
import logging
import re
import time
from pathlib import Path

from sheafnet.core.sheaf import Sheaf
from sheafnet.dynamics.lessons import Cut
from sheafnet.errors import FileError, WriteError
from sheafnet.runtime.checkpoint import load_cut, save_cut
from sheafnet.runtime.ports import Observer

LOGGER = logging.getLogger("sheafnet")
KEPT = 3
NAME = re.compile(r"checkpoint-(\d+)\.npz")


class Checkpoints(Observer):
    """Writes cuts to ``checkpoint-<step>.npz``, and keeps the last ones.

    Parameters
    ----------
    folder
        Where.
    pause
        Seconds between two at least, so that training that is looked at often is not held up.
    """

    travels = True

    def __init__(self, folder: Path, pause: float = 1.0) -> None:
        self._folder = folder.resolve()
        self._pause = pause
        self._next = 0.0

    def reached(self, cut: Cut) -> None:
        """Write it, if it is time; what cannot be written ends with a warning, not the training."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self._pause
        try:
            save_cut(self._folder / f"checkpoint-{cut.step}.npz", cut)
        except WriteError as error:
            LOGGER.warning("%s", error)
            return
        for _, old in checkpoints(self._folder)[:-KEPT]:
            with contextlib.suppress(OSError):
                old.unlink()


def checkpoints(folder: Path) -> list[tuple[int, Path]]:
    """Return the checkpoints in ``folder`` by step."""
    found = [(match, path) for path in folder.iterdir() if (match := NAME.fullmatch(path.name))]
    return sorted((int(match[1]), path) for match, path in found)


def last_cut(folder: Path, sheaf: Sheaf) -> Cut | None:
    """Return the last cut in ``folder`` that is whole; None if there is none.

    One that is not is named in a warning, and the one before it is taken.
    """
    for _, path in reversed(checkpoints(folder)):
        try:
            return load_cut(path, sheaf)
        except FileError as error:
            LOGGER.warning("%s; the checkpoint before it is used", error)
    return None
