"""The driver of a cluster run: it starts the run and calls the hooks of the user during the run."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator
from functools import partial

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayError, RayTaskError

from sheafnet.errors import ClusterError
from sheafnet.runtime.cluster.actor_pool import ActorPool, kill, open_pool
from sheafnet.runtime.cluster.host_actor import Handle
from sheafnet.runtime.cluster.session import require_reachable, session
from sheafnet.runtime.cluster.settings import ClusterSettings
from sheafnet.runtime.hosts.placement import hosts_of
from sheafnet.runtime.interface import RunHooks
from sheafnet.runtime.jobs.observer import Observer
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.progress import Progress
from sheafnet.runtime.run_record import Record

POLL = 0.05
"""Seconds that the driver waits for the end of the run before it calls the hooks again."""

HEAD_INTERVAL = 1.0
HEAD_GONE_AFTER = 10.0
"""Seconds between two checks that the head (Ray's central process) can be reached; seconds without
contact after which the head counts as lost."""


def drive(
    problem: Problem,
    cluster: ClusterSettings,
    observer: Observer,
    hooks: RunHooks,
    pool: ActorPool | None = None,
) -> Record:
    """Run ``problem`` to its end and return the record of the run.

    Parameters
    ----------
    problem
        The problem to run.
    cluster
        Settings of the cluster.
    observer
        Observer that the coordinator calls.
    hooks
        Hooks that are called in this process, at most once every ``POLL`` seconds.
    pool
        Pool of the actors. With None (default) a pool is opened for this run.

    Raises
    ------
    InputError
        If ``cluster.placement`` is an unknown string, or if it leaves out a vertex or lists a
        vertex twice.
    UnknownNameError
        If ``cluster.placement`` names a vertex that does not exist.
    ClusterError
        If the pool is closed, if Ray cannot be started or joined, if Ray fails, if the coordinator
        or a host does not start in time, if the coordinator or a host does not answer in time, if
        an exception is raised in a host, if a host is lost and cannot be restarted, or if the
        coordinator or the head of Ray is lost.
    """
    if pool is None:
        with open_pool(cluster) as own:
            return drive(problem, cluster, observer, hooks, own)
    pool.require_open()
    run = f"cluster-{secrets.token_hex(4)}"
    with session(cluster.address), _errors_of_ours():
        coordinator = pool.coordinator()
        hosts: dict[str, Handle] = {}
        try:
            # The driver starts the hosts, so that they start at the same time as the coordinator.
            hosts = pool.hosts(hosts_of(problem.sheaf, cluster.placement), run)
            ready = coordinator.prepare.remote(problem, cluster, run, observer, hosts)
            _await(ready, cluster.startup)
            execution = coordinator.execute.remote()
            record = _attend(coordinator, execution, problem.stop.stay, cluster.silence, hooks)
            # An actor that was restarted has fewer restarts left. Therefore it is not kept.
            kill(hosts.pop(name) for name in {lost.host for lost in record.recoveries})
        except BaseException:
            kill([coordinator, *hosts.values()])
            raise
        pool.release(coordinator, hosts)
        return record


@contextlib.contextmanager
def _errors_of_ours() -> Iterator[None]:
    """Return a context that replaces each error of Ray by an error of this project.

    Ray wraps an exception that was raised in the coordinator. That exception is raised without the
    wrapper.

    Raises
    ------
    ClusterError
        If the coordinator was lost or did not answer, or if Ray failed in another way.
    """
    try:
        yield
    except RayTaskError as error:
        raise error.cause from error
    except (RayActorError, GetTimeoutError) as error:
        raise ClusterError(
            f"the coordinator is lost: {str(error).splitlines()[0]}; what it had logged is "
            "in the run directory"
        ) from error
    except RayError as error:
        raise ClusterError(f"Ray failed: {error}") from error


def _await(ready: ray.ObjectRef[None], startup: float) -> None:
    """Wait until the coordinator has started and has prepared the run.

    Raises
    ------
    ClusterError
        If the coordinator has not prepared the run within ``startup`` seconds.
    """
    try:
        ray.get(ready, timeout=startup)
    except GetTimeoutError as error:
        raise ClusterError(
            f"the coordinator did not start within {startup:g} s; has this machine room for it? "
            "If it only takes longer, raise startup"
        ) from error


def _attend(
    coordinator: Handle,
    execution: ray.ObjectRef[Record],
    stay: bool,
    silence: float,
    hooks: RunHooks,
) -> Record:
    """Pass data between the hooks and the coordinator until the run ends, and return its record.

    The hooks receive the progress, and the record of a stay run that has converged. The coordinator
    receives new pins and the request to stop. If the coordinator does not answer a call for
    ``silence`` seconds, Ray raises an error.
    """
    reported = stopping = False
    head = HeadMonitor(ray.get_runtime_context().gcs_address)
    while not ray.wait([execution], timeout=POLL)[0]:
        head.check()
        progress = ray.get(coordinator.progress.remote(), timeout=silence)
        if progress is not None:
            hooks.on_round(progress.rounds, partial(_given, progress))
        if hooks.stopping and not stopping:
            stopping = True
            coordinator.stop.remote()
        pins = hooks.new_pins()
        if pins is not None:
            ray.get(coordinator.obey.remote(pins), timeout=silence)
            reported = False
        if stay and not reported:
            record = ray.get(coordinator.settled.remote(), timeout=silence)
            if record is not None:
                hooks.on_settled(record)
                reported = True
    record = ray.get(execution)
    assert isinstance(record, Record)
    return record


class HeadMonitor:
    """A monitor that checks whether the head of Ray can be reached.

    Without a head, actors can still exchange messages for a while. After a minute without a head
    Ray ends this process without an exception. The monitor must detect the loss earlier.

    Parameters
    ----------
    address
        Address of the head, of the form ``host:port``.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._next = self._seen = time.monotonic()

    def check(self) -> None:
        """Try to reach the head, at most once in ``HEAD_INTERVAL`` seconds.

        Raises
        ------
        ClusterError
            If the head has not been reached for more than ``HEAD_GONE_AFTER`` seconds.
        """
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + HEAD_INTERVAL
        try:
            require_reachable(self._address)
        except OSError as error:
            if now - self._seen > HEAD_GONE_AFTER:
                raise ClusterError(
                    f"the head of the cluster at {self._address} is lost: {error}; what was "
                    "logged is in the run directory"
                ) from error
        else:
            self._seen = now


def _given(progress: Progress) -> Progress:
    return progress
