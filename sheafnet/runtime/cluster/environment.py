"""The environment variables of Ray's processes, which keep a local run on loopback, and fast.

By default Ray reports usage statistics, queries the metadata services of clouds, and opens a socket
to a public address to find its own address. The variables must be set before Ray is imported.
"""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

OFFLINE = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9/",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}

MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**25), "MALLOC_TRIM_THRESHOLD_": str(2**28)}
"""Variables that make the C library keep freed memory for the next update. By default it returns
large arrays to the kernel at once, which then has to clear the same pages for every update."""

_HOME_OF_USER = "SHEAFNET_HOME"
"""Variable that passes the home of the user to the actors of a Ray with another home."""


def stay_offline() -> None:
    """Set the variables that keep Ray off the Internet, for this process and its children."""
    os.environ.update(OFFLINE)


@functools.cache
def token() -> str:
    """Return the access token of all Rays that this process starts; Ray reads it only once."""
    return os.environ.get("RAY_AUTH_TOKEN") or secrets.token_hex(32)


@contextlib.contextmanager
def private_home() -> Iterator[Path]:
    """Return a context with a temporary folder as the home directory, in which to start Ray.

    The folder has a cluster configuration, without which Ray requests one from beyond loopback.
    The services also get an access token, and nothing is written to the home of the user. Actors
    return to that home with ``go_home``; to set their environment through Ray would take about a
    second for each. The folder is removed when the context ends.

    Yields
    ------
    Path
        The folder.
    """
    folder = Path(tempfile.mkdtemp(prefix="sheafnet-"))
    (folder / "ray_bootstrap_config.yaml").write_text("{}\n", encoding="utf-8")
    changes = {
        "HOME": str(folder),
        "RAY_AUTH_TOKEN": token(),
        _HOME_OF_USER: os.environ.get("HOME", ""),
        **{name: os.environ.get(name, value) for name, value in MEMORY.items()},
    }
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield folder
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        shutil.rmtree(folder, ignore_errors=True)


def go_home() -> None:
    """Restore the home of the user, after Ray has started, and in its actors."""
    home = os.environ.pop(_HOME_OF_USER, None)
    if home is not None:
        os.environ["HOME"] = home
