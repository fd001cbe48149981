"""The environment of Ray's processes, in which a local run stays on loopback, and is fast.

Out of the box Ray reports usage statistics, asks the metadata services of clouds where it is,
and opens a socket to a public address to learn its own. Must be set before Ray is imported.
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
"""Has the C library keep what an update has freed for the next one. Out of the box it gives large
arrays back at once, and the kernel clears the same pages for every update again."""

_HOME_OF_USER = "SHEAFNET_HOME"
"""Where a Ray that was started with a home of its own tells its actors the user's."""


def stay_offline() -> None:
    """Set what keeps Ray from calling out, for this process and its children."""
    os.environ.update(OFFLINE)


@functools.cache
def token() -> str:
    """Return the access token of every Ray that this process starts: Ray reads it only once."""
    return os.environ.get("RAY_AUTH_TOKEN") or secrets.token_hex(32)


@contextlib.contextmanager
def private_home() -> Iterator[Path]:
    """Give Ray's services a home of their own while they are started.

    There they find a cluster configuration, without which they ask for one beyond loopback,
    and an access token of their own; nothing is written to the home of the user. Actors come
    back from there with ``go_home``: to have Ray set their environment would take it a second
    for each. The folder goes when the context ends.
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
    """Take the home of the user again, once Ray has started, and in its actors."""
    home = os.environ.pop(_HOME_OF_USER, None)
    if home is not None:
        os.environ["HOME"] = home
