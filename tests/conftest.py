"""Fixtures and markers of the whole test suite, which shares one Ray."""

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

# The time that an example takes does not say whether it is right.
settings.register_profile("sheafnet", deadline=None)
settings.load_profile("sheafnet")


PROCESSES = (
    "tests/runtime/cluster/",
    "tests/deploy/test_job.py",
    "tests/deploy/test_prometheus_commands.py",
    "tests/observe/",
)
"""Files whose tests start processes of their own and wait for them."""

ABOUT_SOURCES = "tests/project/"
"""Files whose tests bear the name of a file that they read, and start no process for it."""

OWN_RAY = ("tests/runtime/cluster/test_lifecycle.py", "tests/deploy/test_job.py")
"""Files whose tests start and stop a Ray of their own. They run first, before the shared Ray."""


def pytest_sessionstart() -> None:
    """Check that no compiled module is older than its source.

    Raises
    ------
    pytest.UsageError
        If a source was changed since it was compiled.
    """
    if stale := outdated():
        raise pytest.UsageError(
            f"{stale[0]} has been changed since it was compiled: compile again, or remove what is "
            "compiled with find sheafnet -name '*.so' -delete"
        )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need the machine for themselves, and put those with their own Ray first.

    They need Ray, or wait for other processes.
    """
    for item in items:
        file, _, test = item.nodeid.partition("::")
        if file.startswith(PROCESSES) or ("cluster" in test and not file.startswith(ABOUT_SOURCES)):
            item.add_marker(pytest.mark.processes)
    items.sort(key=lambda item: not item.nodeid.startswith(OWN_RAY))


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder with a short path, as the length of a socket's path is limited."""
    with tempfile.TemporaryDirectory(prefix="sf-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture(scope="session")
def warm_cluster() -> Iterator[WarmCluster]:
    """Ray with actors that are kept from test to test; its start is tried twice."""
    with contextlib.ExitStack() as stack:
        try:
            warm = stack.enter_context(sn.Cluster().warm())
        except ClusterError:
            warm = stack.enter_context(sn.Cluster().warm())
        yield warm
