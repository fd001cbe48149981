"""What tests of all parts share: one Ray for the whole run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from sheafnet.errors import ClusterError
from sheafnet.runtime.cluster import environment


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """Ray, started once, and once again if the first start fails."""
    environment.keep_quiet()
    from sheafnet.runtime.cluster.session import session

    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(session("local"))
        except ClusterError:
            stack.enter_context(session("local"))
        yield
