"""Clears away a local Ray whose driver is gone; a program of its own, which outlives the driver.

    python reaper.py FOLDER DRIVER

Ray's own agents look for the head of a driver that was killed for a minute, and its folder would
stay for good. The driver writes the processes of Ray to the standard input when they are there,
and an empty line when it has ended them itself.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ATTEMPTS = 20
BETWEEN_ATTEMPTS = 0.5
"""How often, and after how many seconds, to remove the folder again: actors that
are ending may write to it meanwhile."""


@contextlib.contextmanager
def attending(folder: Path) -> Iterator[Callable[[], None]]:
    """Have a reaper see to ``folder``, and to the Ray that this process starts there.

    Yields
    ------
    callable
        To be called when Ray is there.
    """
    command = [sys.executable, "-I", "-S", __file__, str(folder), str(os.getpid())]
    # In a session of its own, so that Ctrl-C on a terminal does not reach it.
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as reaper:

        def tell(*pids: int) -> None:
            assert reaper.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                reaper.stdin.write(" ".join(map(str, pids)).encode() + b"\n")
                reaper.stdin.flush()

        try:
            yield lambda: tell(*(pid for pid in processes(folder) if pid != reaper.pid))
        finally:
            tell()


def processes(folder: Path) -> list[int]:
    """Return the children of this process that name ``folder``, and all that came of them.

    That is Ray's head and its node, with their agents, and no other child. None where there is
    no /proc.
    """
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has gone meanwhile
            # After the name, which may hold anything: the state and the parent.
            parent = status.read_text(errors="replace").rpartition(")")[2].split()[1]
            children.setdefault(int(parent), []).append(int(status.parent.name))
    found = [pid for pid in children.get(os.getpid(), []) if _names(pid, folder)]
    for pid in found:  # which grows meanwhile
        found += children.get(pid, [])
    return found


def _names(pid: int, folder: Path) -> bool:
    """Tell whether the command line of a process has ``folder`` in it."""
    try:
        return os.fsencode(folder) in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def main(folder: str, driver: str) -> None:
    """Wait until the driver is gone; end what it left."""
    sources = [sys.stdin.fileno()]
    # The end of the input does not tell: a child that the driver was forked into keeps it open.
    with contextlib.suppress(ProcessLookupError, AttributeError):
        sources.append(os.pidfd_open(int(driver)))
    handles: list[int] = []
    while select.select(sources, [], [])[0] == sources[:1]:
        line = os.read(sources[0], select.PIPE_BUF)
        for pid in line.split():  # handles and not numbers, which may be another's by then
            with contextlib.suppress(ProcessLookupError):
                handles.append(os.pidfd_open(int(pid)))
        if line in (b"", b"\n") or line.endswith(b"\n\n"):
            break
    for handle in handles:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    for _ in range(ATTEMPTS):
        shutil.rmtree(folder, ignore_errors=True)
        if not Path(folder).exists():
            break
        time.sleep(BETWEEN_ATTEMPTS)


if __name__ == "__main__":
    main(*sys.argv[1:])
