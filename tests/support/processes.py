"""Helpers that run commands as processes and find the processes that outlive them."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

MARK = "SHEAFNET_TEST_MARK"

PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
"""Search path with the ``python`` and the ``sheafnet`` of this environment in front."""


class Command:
    """A running command and its descendants, found by session and by a mark in the environment."""

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
        """Wait for a line of output that contains ``text``, and return it.

        Raises
        ------
        AssertionError
            If the output ends without such a line.
        """
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if text in line:
                return line
        raise AssertionError(f"ended without {text!r}: {self.process.communicate()[1]}")

    def finish(self, seconds: float) -> tuple[int, str, str]:
        """Wait up to ``seconds`` for the command to end; return exit code, output and errors."""
        out, err = self.process.communicate(timeout=seconds)
        return self.process.returncode, out, err

    def left(self) -> dict[int, str]:
        """Return the command lines of the processes that are still running, by process id."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self._comes_of_it(folder):
                    line = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                    found[int(folder.name)] = line.decode(errors="replace")[:250]
            except OSError:
                continue  # the process has ended in the meantime
        return found

    def _comes_of_it(self, folder: Path) -> bool:
        """Return whether the process of a folder in /proc belongs to the command.

        Some descendants leave the session and others overwrite the mark, so both are checked.
        """
        environment = (folder / "environ").read_bytes().split(b"\0")
        session = os.getsid(int(folder.name))
        return session == self.process.pid or f"{MARK}={self.mark}".encode() in environment

    def kill(self, seconds: float) -> None:
        """Kill every process of the command that is still running, and wait for the command."""
        for pid in self.left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.finish(seconds)

    def wait_until_gone(self, seconds: float) -> dict[int, str]:
        """Wait up to ``seconds`` until every process has ended; return those still running."""
        deadline = time.monotonic() + seconds
        while (left := self.left()) and time.monotonic() < deadline:
            wait_for_end(next(iter(left)), deadline - time.monotonic())
        return left


def free_ports(count: int) -> list[str]:
    """Return ports of loopback that nobody uses."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [str(one.getsockname()[1]) for one in sockets]


def wait_for_end(pid: int, seconds: float) -> None:
    """Wait up to ``seconds`` until the process ``pid`` has ended."""
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
    """Start the ``sheafnet`` command that is installed in this environment."""
    program = str(Path(sys.executable).with_name("sheafnet"))
    return Command(program, *arguments, prefix=prefix, environment=environment)
