"""The driver's side of a cluster run."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator
from functools import partial

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayError, RayTaskError

from sheafnet.errors import ClusterError
from sheafnet.runtime.cluster.actor_pool import Staff, dismiss, staffed
from sheafnet.runtime.cluster.cluster import Cluster
from sheafnet.runtime.cluster.host_actor import Handle
from sheafnet.runtime.cluster.session import knock, session
from sheafnet.runtime.hosts.placement import place
from sheafnet.runtime.interface import RunHooks
from sheafnet.runtime.jobs.observer import Observer
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.record import Progress, Record

POLL = 0.05
"""Seconds between two calls of the hooks."""

HEAD_INTERVAL = 1.0
HEAD_GONE_AFTER = 10.0
"""Seconds between checks that the head is there, and until it counts as lost."""


def drive(
    problem: Problem,
    cluster: Cluster,
    observer: Observer,
    hooks: RunHooks,
    staff: Staff | None = None,
) -> Record:
    """Run ``problem`` on actors of ``staff``, or on some of its own; see ``Cluster.run``."""
    if staff is None:
        with staffed(cluster) as own:
            return drive(problem, cluster, observer, hooks, own)
    staff.require_open()
    run = f"cluster-{secrets.token_hex(4)}"
    with session(cluster.address), _errors_of_ours():
        conductor = staff.conductor()
        hosts: dict[str, Handle] = {}
        try:
            ready = conductor.prepare.remote(problem, cluster, run, observer)
            # Asked for here and not by the conductor, so that all start side by side.
            hosts = staff.hosts(place(problem.sheaf, cluster.placement), run)
            _await(ready, cluster.startup)
            execution = conductor.execute.remote(hosts)
            record = _attend(conductor, execution, problem.stop.stay, cluster.silence, hooks)
            # Who was lost has a restart fewer, and is not kept.
            dismiss(hosts.pop(name) for name in {lost.host for lost in record.recoveries})
        except BaseException:
            dismiss([conductor, *hosts.values()])
            raise
        staff.keep(conductor, hosts)
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
    """Wait until the conductor is there."""
    try:
        ray.get(ready, timeout=startup)
    except GetTimeoutError as error:
        raise ClusterError(
            f"the coordinator did not start within {startup:g} s; has this machine room for it? "
            "If it only takes longer, raise startup"
        ) from error


def _attend(
    conductor: Handle,
    execution: ray.ObjectRef[Record],
    stay: bool,
    silence: float,
    hooks: RunHooks,
) -> Record:
    """Carry wishes to the conductor and news back, until the run ends."""
    reported = stopping = False
    head = Head(ray.get_runtime_context().gcs_address)
    while not ray.wait([execution], timeout=POLL)[0]:
        head.check()
        progress = ray.get(conductor.progress.remote(), timeout=silence)
        if progress is not None:
            hooks.on_round(progress.rounds, partial(_given, progress))
        if hooks.stopping and not stopping:
            stopping = True
            conductor.stop.remote()
        pins = hooks.new_pins()
        if pins is not None:
            ray.get(conductor.obey.remote(pins), timeout=silence)
            reported = False
        if stay and not reported:
            record = ray.get(conductor.settled.remote(), timeout=silence)
            if record is not None:
                hooks.on_settled(record)
                reported = True
    record = ray.get(execution)
    assert isinstance(record, Record)
    return record


class Head:
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
            knock(self._address)
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
