"""The reaper: a program that removes a local Ray after its driver has ended.

    python reaper.py FOLDER DRIVER

FOLDER is the folder in which Ray keeps its files, DRIVER the process id of the driver. The reaper
is a separate program, since it must outlive the driver. Suppose that the driver is killed. Without
the reaper, the agents of Ray would then search for Ray's head for a minute, and the folder would
never be removed. When Ray has started, the driver writes the ids of Ray's processes to the standard
input of this program. When the driver has ended these processes itself, it writes an empty line.
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
"""Largest number of attempts to remove the folder, and seconds between two attempts. The first
attempt may fail, since actors that have not ended yet may still write to the folder."""


@contextlib.contextmanager
def attending(folder: Path) -> Iterator[Callable[[], None]]:
    """Return a context with a reaper for the Ray that this process starts in ``folder``.

    Parameters
    ----------
    folder
        Folder in which Ray keeps its files.

    Yields
    ------
    callable
        Function without arguments. Call it when Ray has started: it passes the ids of Ray's
        processes to the reaper.
    """
    command = [sys.executable, "-I", "-S", __file__, str(folder), str(os.getpid())]
    # In a session of its own the reaper does not receive Ctrl-C from the terminal.
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
    """Return the ids of the processes of the Ray that this process has started in ``folder``.

    These are the child processes whose command line contains ``folder`` (Ray's head and its node),
    and their descendants. The list is empty on systems without /proc.

    Parameters
    ----------
    folder
        Folder in which Ray keeps its files.
    """
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # The process has ended in the meantime.
            # The state and the parent follow the name, which may contain any character.
            parent = status.read_text(errors="replace").rpartition(")")[2].split()[1]
            children.setdefault(int(parent), []).append(int(status.parent.name))
    found = [pid for pid in children.get(os.getpid(), []) if _names(pid, folder)]
    for pid in found:  # The list grows in the loop.
        found += children.get(pid, [])
    return found


def _names(pid: int, folder: Path) -> bool:
    """Return whether the command line of process ``pid`` contains ``folder``."""
    try:
        return os.fsencode(folder) in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def main(folder: str, driver: str) -> None:
    """Wait until the driver has ended; then kill the processes of Ray and remove the folder.

    Parameters
    ----------
    folder
        Folder in which Ray keeps its files.
    driver
        Process id of the driver.
    """
    sources = [sys.stdin.fileno()]
    # The end of the input does not always show the end of the driver: a forked child of the
    # driver keeps the input open.
    with contextlib.suppress(ProcessLookupError, AttributeError):
        sources.append(os.pidfd_open(int(driver)))
    handles: list[int] = []
    while select.select(sources, [], [])[0] == sources[:1]:
        line = os.read(sources[0], select.PIPE_BUF)
        for pid in line.split():  # An id may be used again for another process, but not a handle.
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
