"""What tests of all parts share: one Ray for the whole run."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

import sheafnet as sn
from sheafnet.errors import ClusterError
from sheafnet.runtime.cluster.cluster import WarmCluster
from tests.support.compiled import outdated

# How long an example takes says nothing of whether it is right.
settings.register_profile("sheafnet", deadline=None)
settings.load_profile("sheafnet")


PROCESSES = ("tests/runtime/cluster/", "tests/deploy/test_job.py", "tests/observe/")
"""Where tests start processes of their own and wait for them."""

ABOUT_SOURCES = ("tests/project/test_vocabulary.py",)
"""Where a test is named for a file that it reads."""

OWN_RAY = ("tests/runtime/cluster/test_lifecycle.py", "tests/deploy/test_job.py")
"""Where a Ray starts and ends. They come first, while there is no other."""


def pytest_sessionstart() -> None:
    """Refuse to test what is not what the sources say."""
    if stale := outdated():
        raise pytest.UsageError(
            f"{stale[0]} has been changed since it was compiled: compile again, or remove what is "
            "compiled with find sheafnet -name '*.so' -delete"
        )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all that wants the machine for itself: it needs Ray, or waits for others."""
    for item in items:
        file, _, test = item.nodeid.partition("::")
        if file.startswith(PROCESSES) or ("cluster" in test and file not in ABOUT_SOURCES):
            item.add_marker(pytest.mark.processes)
    items.sort(key=lambda item: not item.nodeid.startswith(OWN_RAY))


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for those of sockets, unlike ``tmp_path``."""
    with tempfile.TemporaryDirectory(prefix="sf-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture(scope="session")
def warm_cluster() -> Iterator[WarmCluster]:
    """Ray, started once, and once again if the first start fails, with actors that are kept."""
    with contextlib.ExitStack() as stack:
        try:
            warm = stack.enter_context(sn.Cluster().warm())
        except ClusterError:
            warm = stack.enter_context(sn.Cluster().warm())
        yield warm
