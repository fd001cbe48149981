"""The connection of this process to Ray: it starts or joins Ray, and disconnects after the run."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Iterator

import ray

from sheafnet.errors import ClusterError
from sheafnet.runtime.cluster.environment import go_home, private_home
from sheafnet.runtime.cluster.reaper import attending

REACHABLE_WITHIN = 5.0
"""Seconds within which the head (Ray's central process) must accept a connection."""

_LOCK = threading.Lock()
_open: contextlib.ExitStack | None = None
_users = 0


@contextlib.contextmanager
def session(address: str) -> Iterator[None]:
    """Return a context in which this process is connected to Ray.

    If this process is already connected, the context uses this connection and leaves it open.
    Otherwise Ray is started or joined. Contexts that overlap in time share the connection that the
    first context opened. The connection is closed when the last of these contexts ends.

    Parameters
    ----------
    address
        Address of Ray: ``"local"``, ``"auto"`` or ``"host:port"``, as for ``sn.Cluster``.

    Raises
    ------
    ClusterError
        If Ray cannot be started or joined, or if this process is connected to a Ray with another
        address.
    """
    _enter(address)
    try:
        yield
    finally:
        _leave()


def _enter(address: str) -> None:
    global _open, _users  # noqa: PLW0603
    with _LOCK:
        if ray.is_initialized():
            _require_here(address)
        else:
            with contextlib.ExitStack() as stack:
                if address == "local":
                    _start(stack)
                else:
                    stack.callback(ray.shutdown)
                    _join(address)
                _open = stack.pop_all()
        _users += 1


def _require_here(address: str) -> None:
    """Check that ``address`` fits the Ray to which this process is connected.

    The addresses ``"local"`` and ``"auto"`` fit every Ray.

    Raises
    ------
    ClusterError
        If ``address`` has the form ``host:port`` and is not the address of this Ray.
    """
    here = ray.get_runtime_context().gcs_address
    if address not in ("local", "auto", here):
        raise ClusterError(
            f"this process is connected to the Ray at {here} already; call ray.shutdown() "
            f"before a run at {address}"
        )


def _leave() -> None:
    global _open, _users  # noqa: PLW0603
    with _LOCK:
        _users -= 1
        if _users == 0 and _open is not None:
            _open.close()
            _open = None


def _start(stack: contextlib.ExitStack) -> None:
    """Start Ray on this machine, with its files in a temporary folder. Closing ``stack`` ends Ray.

    Raises
    ------
    ClusterError
        If Ray cannot be started.
    """
    folder = stack.enter_context(private_home())
    ray_is_there = stack.enter_context(attending(folder))
    stack.callback(ray.shutdown)
    try:
        ray.init(
            address="local",
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _node_ip_address="127.0.0.1",
            _temp_dir=str(folder),
        )
    except Exception as error:
        raise ClusterError(f"Ray could not be started on this machine: {error}") from error
    go_home()
    ray_is_there()


def require_reachable(address: str) -> None:
    """Check that the process at ``address``, of the form ``host:port``, accepts a connection.

    Raises
    ------
    OSError
        If no connection is accepted within ``REACHABLE_WITHIN`` seconds.
    """
    host, _, port = address.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), REACHABLE_WITHIN).close()


def _join(address: str) -> None:
    """Connect this process to a Ray that is running.

    Raises
    ------
    ClusterError
        If the head of Ray cannot be reached, or if the connection fails for another reason.
    """
    known = os.environ.get("RAY_ADDRESS", "") if address == "auto" else address
    if ":" in known and "/" not in known:
        # Without this check Ray would try to connect for a long time before it fails.
        try:
            require_reachable(known)
        except OSError as error:
            raise ClusterError(
                f"no Ray head at {known}: {error}; start one with 'ray start --head', "
                "or use the address 'local'"
            ) from error
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:
        raise ClusterError(
            f"the Ray cluster at {address!r} could not be joined: {error}; "
            "use the address 'local' to start one here"
        ) from error
