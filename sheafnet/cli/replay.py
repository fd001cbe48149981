"""The verb ``sheafnet replay``: the repetition of a run, with its digest and trace compared."""

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
    """The trace of the repeated run differs from the trace on disk.

    Parameters
    ----------
    number
        Number of the first event that differs, from 1.
    then, now
        The line of the trace on disk, and that of the repeated run.
    """

    def __init__(self, number: int, then: str, now: str) -> None:
        super().__init__(f"event {number} differs\n  then: {then}\n  now:  {now}")


@click.command()
@click.argument("run_dir", type=click.Path(path_type=Path, file_okay=False))
@click.pass_context
def replay(ctx: click.Context, run_dir: Path) -> None:
    """Repeat the run in RUN_DIR and compare every event.

    The digest is always compared; single events only if the run was made with --trace. Exit
    code 0 if the run repeats itself, 1 if it does not.
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
    """A sink for the trace of the repeated run that compares it with the trace on disk.

    Parameters
    ----------
    lines
        Lines of the trace on disk.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._then = iter(lines)
        self._numbers = count(1)

    def __call__(self, line: str) -> None:
        """Compare the next line of the repeated run.

        Raises
        ------
        TraceMismatchError
            If the line on disk is another, or there is none.
        """
        number, then = next(self._numbers), next(self._then, "(the run had ended)")
        if line != then:
            raise TraceMismatchError(number, then, line)

    def end(self) -> None:
        """Check that the trace on disk has no further lines.

        Raises
        ------
        TraceMismatchError
            If it has.
        """
        for then in self._then:
            raise TraceMismatchError(next(self._numbers), then, "(the run has ended)")


def _digest(run_dir: Path) -> str:
    """Return the trace digest in ``result.json`` of a run directory.

    Raises
    ------
    FileError
        If the file does not exist, cannot be read, or holds no digest.
    """
    path = run_dir / "result.json"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["trace_digest"])
    except FileNotFoundError:
        raise FileError(f"{path}: no such file; {run_dir} holds no finished run") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileError(f"{path}: no result of a run ({error})") from None


def _lines(path: Path) -> list[str] | None:
    """Return the lines of a trace; None if there is no such file."""
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else None
