"""The run directory: what a run leaves on disk."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from sheafnet.core.network import ReluNetwork
from sheafnet.errors import FileError
from sheafnet.observe.files import write_text
from sheafnet.observe.jsonlines import JsonLines, to_json
from sheafnet.runtime.jobs.results import Fit, Solution

TRACE = "trace.txt"


class RunDirectory:
    """A directory of its own for one run.

    Holds ``config.yaml`` (resolved), ``events.jsonl``, ``network.npz``, ``cochain.npz`` and
    ``result.json``, in the order in which they appear, and ``trace.txt`` if it was wanted. Training
    adds the last few ``checkpoint-<step>.npz``, and leaves the network that it began with as
    ``initial.npz``.
    While metrics are served, ``targets.json`` tells Prometheus where; the same lies beside the
    directory as ``<name>.targets.json``, since Prometheus looks through the files of a folder, but
    not through its folders.

    Parameters
    ----------
    path
        Where; it must not exist yet, or be empty.
    again
        Whether it is that of a run that goes on.

    Raises
    ------
    FileError
        If there is something at ``path`` already, or it cannot be made.
    """

    def __init__(self, path: Path, *, again: bool = False) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            occupied = any(path.iterdir())
        except OSError as error:
            raise FileError(f"run directory {path}: {error.strerror}") from error
        if again and not (path / "config.yaml").is_file():
            raise FileError(f"{path}: no config.yaml there; it is no run directory")
        if occupied and not again:
            raise FileError(
                f"run directory {path} is not empty; nothing is overwritten, so name another"
            )
        self.events = JsonLines(path.resolve() / "events.jsonl")
        whole = path.resolve()
        self.targets = (whole / "targets.json", whole.with_name(f"{whole.name}.targets.json"))

    @classmethod
    def next_in(cls, parent: Path, stem: str) -> RunDirectory:
        """Make ``parent/stem-1``, or with the first number that is free."""
        for number in count(1):
            path = parent / f"{stem}-{number}"
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                continue
            except OSError as error:
                raise FileError(f"run directory {path}: {error.strerror}") from error
            return cls(path)
        raise AssertionError("count() does not end")

    def write_inputs(self, config: str, network: ReluNetwork | None) -> None:
        """Write the resolved configuration and the network, if it has one, before the run."""
        write_text(self.path / "config.yaml", config)
        if network is not None:
            network.save(self.path / "network.npz")

    @contextlib.contextmanager
    def tracing(self, wanted: bool) -> Iterator[Callable[[str], None] | None]:
        """Give what takes the lines of ``trace.txt``; None if the trace is not wanted."""
        if not wanted:
            yield None
            return
        with (self.path / TRACE).open("w", encoding="utf-8") as stream:
            yield lambda line: print(line, file=stream)

    def write_fit(self, fit: Fit, result: dict[str, Any]) -> None:
        """Write the network that was trained, its last stalks and ``result.json``."""
        network = self.path / "network.npz"
        if not (self.path / "initial.npz").exists():
            network.replace(self.path / "initial.npz")
        fit.network.save(network)
        fit.record.cochain.save(self.path / "cochain.npz")
        write_text(self.path / "result.json", to_json(result, indent=2) + "\n")

    def write_result(self, solution: Solution, result: dict[str, Any]) -> None:
        """Write the cochain and ``result.json``, which appears last and whole."""
        solution.cochain.save(self.path / "cochain.npz")
        write_text(self.path / "result.json", to_json(result, indent=2) + "\n")
