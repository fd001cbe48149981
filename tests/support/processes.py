"""Commands in processes of their own, and what they leave behind."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

MARK = "SHEAFNET_TEST_MARK"


class Command:
    """A command, and every process that comes of it, known by a mark in its environment."""

    def __init__(
        self,
        *arguments: str,
        prefix: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.mark = uuid.uuid4().hex
        self.process = subprocess.Popen(
            [*prefix, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {MARK: self.mark} | dict(environment or {}),
            start_new_session=True,
        )

    def line_with(self, text: str) -> str:
        """Return the first line of output that has ``text`` in it; the event to wait for."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if text in line:
                return line
        raise AssertionError(f"ended without {text!r}: {self.process.communicate()[1]}")

    def finish(self, seconds: float) -> tuple[int, str, str]:
        """Wait for the end; return exit code, output and errors."""
        out, err = self.process.communicate(timeout=seconds)
        return self.process.returncode, out, err

    def left(self) -> dict[int, str]:
        """Return the processes that are still there, with their command lines."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self._comes_of_it(folder):
                    line = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                    found[int(folder.name)] = line.decode(errors="replace")[:250]
            except OSError:
                continue  # it has gone meanwhile
        return found

    def _comes_of_it(self, folder: Path) -> bool:
        """Tell by the session, which some leave, and by the mark, which some write over."""
        environment = (folder / "environ").read_bytes().split(b"\0")
        session = os.getsid(int(folder.name))
        return session == self.process.pid or f"{MARK}={self.mark}".encode() in environment

    def wait_until_gone(self, seconds: float) -> dict[int, str]:
        """Wait until every process has ended; return those that have not in that time."""
        deadline = time.monotonic() + seconds
        while (left := self.left()) and time.monotonic() < deadline:
            wait_for_end(next(iter(left)), deadline - time.monotonic())
        return left


def wait_for_end(pid: int, seconds: float) -> None:
    """Wait until a process has ended, but no longer than that."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        select.select([handle], [], [], max(seconds, 0.0))
    finally:
        os.close(handle)


def sheafnet(
    *arguments: str,
    prefix: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
) -> Command:
    """Start the command line of this environment."""
    program = str(Path(sys.executable).with_name("sheafnet"))
    return Command(program, *arguments, prefix=prefix, environment=environment)
