"""The run directory: the configuration, the results and the event log of a run, as files."""

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
    """The directory with the files of one run, and the methods that write these files.

    The following files are written in this order: ``config.yaml`` (the configuration with all
    overrides and defaults), ``network.npz``, ``events.jsonl``, ``cochain.npz`` and ``result.json``.
    If a trace was asked for, it is in ``trace.txt``. A training also writes its last three
    checkpoints as ``checkpoint-<step>.npz``. At the end of a training the initial network is in
    ``initial.npz``, and the trained network in ``network.npz``.

    While metrics are served, ``targets.json`` has the address of the metrics for Prometheus. The
    file ``<name>.targets.json`` beside the directory has the same contents, because Prometheus
    reads the files of a folder and not those of its subfolders.

    Parameters
    ----------
    path
        Path of the directory. It is created if it does not exist. An existing directory must be
        empty, unless ``again`` is True.
    again
        Whether the directory belongs to a run that is resumed; False by default.

    Raises
    ------
    FileError
        If the directory cannot be created or read; if ``again`` is False and the directory is not
        empty; or if ``again`` is True and the directory has no ``config.yaml``.
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
        """Create and return the run directory ``parent/stem-N`` with the smallest unused N ≥ 1.

        Parameters
        ----------
        parent
            Folder of the run directories. It is created if it does not exist.
        stem
            First part of the name of the directory.

        Raises
        ------
        FileError
            If the directory cannot be created.
        AssertionError
            Never, since the loop over N ends only when a directory has been created.
        """
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
        """Write ``config.yaml``, and ``network.npz`` if there is a network. Called before the run.

        Parameters
        ----------
        config
            The configuration as YAML, with all overrides and defaults.
        network
            The network. None if the sheaf of the job does not come from a network.

        Raises
        ------
        WriteError
            If a file cannot be written.
        """
        write_text(self.path / "config.yaml", config)
        if network is not None:
            network.save(self.path / "network.npz")

    @contextlib.contextmanager
    def tracing(self, wanted: bool) -> Iterator[Callable[[str], None] | None]:
        """Return a context whose value is a function that appends a line to ``trace.txt``.

        Parameters
        ----------
        wanted
            Whether to write the trace (the list of all events of the run). If False, no file is
            written, and the value of the context is None.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        if not wanted:
            yield None
            return
        with (self.path / TRACE).open("w", encoding="utf-8") as stream:
            yield lambda line: print(line, file=stream)

    def write_fit(self, fit: Fit, result: dict[str, Any]) -> None:
        """Write the trained network, the last stalks and ``result.json``, in this order.

        First, ``network.npz`` with the initial network is renamed to ``initial.npz``, unless
        ``initial.npz`` exists.

        Parameters
        ----------
        fit
            The result of the training.
        result
            The contents of ``result.json``.

        Raises
        ------
        WriteError
            If a file cannot be written.
        OSError
            If ``network.npz`` cannot be renamed to ``initial.npz``.
        """
        network = self.path / "network.npz"
        if not (self.path / "initial.npz").exists():
            network.replace(self.path / "initial.npz")
        fit.network.save(network)
        fit.record.cochain.save(self.path / "cochain.npz")
        write_text(self.path / "result.json", to_json(result, indent=2) + "\n")

    def write_result(self, solution: Solution, result: dict[str, Any]) -> None:
        """Write the final stalks as ``cochain.npz``, then ``result.json``.

        Parameters
        ----------
        solution
            The result of the run.
        result
            The contents of ``result.json``.

        Raises
        ------
        WriteError
            If a file cannot be written.
        """
        solution.cochain.save(self.path / "cochain.npz")
        write_text(self.path / "result.json", to_json(result, indent=2) + "\n")
