"""The driver of a cluster run: starts it, carries wishes and news, and ends what it started."""

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
"""Seconds between two calls of the hooks."""

HEAD_INTERVAL = 1.0
HEAD_GONE_AFTER = 10.0
"""Seconds between checks that the head is there, and until it counts as lost."""


def drive(
    problem: Problem,
    cluster: ClusterSettings,
    observer: Observer,
    hooks: RunHooks,
    pool: ActorPool | None = None,
) -> Record:
    """Run ``problem`` on actors of ``pool``, or on some of its own; see ``Cluster.run``."""
    if pool is None:
        with open_pool(cluster) as own:
            return drive(problem, cluster, observer, hooks, own)
    pool.require_open()
    run = f"cluster-{secrets.token_hex(4)}"
    with session(cluster.address), _errors_of_ours():
        coordinator = pool.coordinator()
        hosts: dict[str, Handle] = {}
        try:
            # Asked for here and not by the coordinator, so that all start side by side.
            hosts = pool.hosts(hosts_of(problem.sheaf, cluster.placement), run)
            ready = coordinator.prepare.remote(problem, cluster, run, observer, hosts)
            _await(ready, cluster.startup)
            execution = coordinator.execute.remote()
            record = _attend(coordinator, execution, problem.stop.stay, cluster.silence, hooks)
            # Who was lost has a restart fewer, and is not kept.
            kill(hosts.pop(name) for name in {lost.host for lost in record.recoveries})
        except BaseException:
            kill([coordinator, *hosts.values()])
            raise
        pool.release(coordinator, hosts)
        return record


@contextlib.contextmanager
def _errors_of_ours() -> Iterator[None]:
    """Raise what Ray raises as an error that tells the user what was lost."""
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
    """Wait until the coordinator is there."""
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
    """Carry wishes to the coordinator and news back, until the run ends."""
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
    """Tells when the head of the cluster has gone.

    Actors can talk to each other for a while without it, until Ray ends this process, without
    an exception, when it has been gone for a minute.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._next = self._seen = time.monotonic()

    def check(self) -> None:
        """Raise ``ClusterError`` if the head has not been there for some time."""
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
