"""The environment variables of Ray's processes: they keep Ray off the Internet and make it fast.

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
"""Variables that make the C library keep freed memory for the next update. By default the library
returns the memory of large arrays to the operating system at once. The operating system then clears
the same memory for every update. This takes time."""

_HOME_OF_USER = "SHEAFNET_HOME"
"""Name of the environment variable that passes the home directory of the user to the actors."""


def stay_offline() -> None:
    """Set environment variables that keep Ray off the Internet, here and in child processes."""
    os.environ.update(OFFLINE)


@functools.cache
def token() -> str:
    """Return the access token of every Ray that this process starts.

    There is one token for all of them, because Ray reads the token only once in a process. The
    token is the value of RAY_AUTH_TOKEN. If that variable is not set, the token is random.
    """
    return os.environ.get("RAY_AUTH_TOKEN") or secrets.token_hex(32)


@contextlib.contextmanager
def private_home() -> Iterator[Path]:
    """Return a context in which a temporary folder is the home directory; Ray is started in it.

    The folder has an empty cluster configuration. Without this file Ray would request a
    configuration from other machines. Ray's processes also get an access token, and they write
    nothing to the home of the user. The actors restore the home of the user with ``go_home``. If
    Ray set the environment of the actors, it would take about a second for each actor. The folder
    is removed when the context ends.

    Yields
    ------
    Path
        The temporary folder.
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
    """Make the home of the user the home directory again.

    This is called in the driver after Ray has started, and in every actor of a host.
    """
    home = os.environ.pop(_HOME_OF_USER, None)
    if home is not None:
        os.environ["HOME"] = home
