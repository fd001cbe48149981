"""The verb ``sheafnet replay``: it repeats a run and compares digest and trace of the two runs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import count
from pathlib import Path

import click

from sheafnet.cli.printing import show
from sheafnet.config.builders.job import build_job
from sheafnet.config.load import load_config
from sheafnet.errors import FileError
from sheafnet.observe.rundir import TRACE
from sheafnet.runtime.jobs.observer import Observer


class TraceMismatchError(Exception):
    """The error that is raised if the trace of a repeated run differs from the trace on disk.

    Parameters
    ----------
    number
        Number of the first event that differs, counted from 1.
    then
        Line of the trace on disk for this event.
    now
        Line of the trace of the repeated run for this event.
    """

    def __init__(self, number: int, then: str, now: str) -> None:
        super().__init__(f"event {number} differs\n  then: {then}\n  now:  {now}")


@click.command()
@click.argument("run_dir", type=click.Path(path_type=Path, file_okay=False))
@click.pass_context
def replay(ctx: click.Context, run_dir: Path) -> None:
    """Repeat the run in RUN_DIR and compare every event.

    The digest of all events is always compared. Single events are compared only if the run was
    made with --trace. The exit code is 0 if the two runs are the same, and 1 if they differ.
    """
    expected = _digest(run_dir)
    job = build_job(load_config(run_dir / "config.yaml"))
    lines = _lines(run_dir / TRACE)
    try:
        trace = None if lines is None else _Comparison(lines)
        found = job.prepare(Observer(), trace).execute()
        if trace is not None:
            trace.end()
    except TraceMismatchError as difference:
        show(str(difference))
        ctx.exit(1)
    digest = found.record.trace_digest
    if digest != expected:
        show(f"the digest differs\n  then: {expected}\n  now:  {digest}")
        if lines is None:
            show("run with --trace to see at which event")
        ctx.exit(1)
    show(f"the run repeats itself, digest {expected}")


class _Comparison:
    """A callable that compares each line of the trace of a repeated run with the trace on disk.

    Parameters
    ----------
    lines
        Lines of the trace on disk, in order.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._then = iter(lines)
        self._numbers = count(1)

    def __call__(self, line: str) -> None:
        """Compare a line of the repeated run with the next line of the trace on disk.

        Raises
        ------
        TraceMismatchError
            If the two lines differ, or if the trace on disk has no further line.
        """
        number, then = next(self._numbers), next(self._then, "(the run had ended)")
        if line != then:
            raise TraceMismatchError(number, then, line)

    def end(self) -> None:
        """Check that the trace on disk has no further lines.

        Raises
        ------
        TraceMismatchError
            If the trace on disk has a further line.
        """
        for then in self._then:
            raise TraceMismatchError(next(self._numbers), then, "(the run has ended)")


def _digest(run_dir: Path) -> str:
    """Return the trace digest in ``result.json`` of a run directory.

    Raises
    ------
    FileError
        If ``result.json`` does not exist, cannot be read, or has no trace digest.
    """
    path = run_dir / "result.json"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["trace_digest"])
    except FileNotFoundError:
        raise FileError(f"{path}: no such file; {run_dir} holds no finished run") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileError(f"{path}: no result of a run ({error})") from None


def _lines(path: Path) -> list[str] | None:
    """Return the lines of the trace file at ``path``; None if there is no such file."""
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else None
