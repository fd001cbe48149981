"""The supervisor of the actors of a run: it binds actors to hosts and requests their reports."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping

import ray
from ray.exceptions import (
    ActorDiedError,
    ActorUnavailableError,
    GetTimeoutError,
    RayError,
    RayTaskError,
)

from sheafnet.errors import ClusterError
from sheafnet.runtime.cluster.host_actor import Handle
from sheafnet.runtime.cluster.settings import ClusterSettings
from sheafnet.runtime.hosts.control import StatusReport, StatusRequest
from sheafnet.runtime.hosts.deployment import Deployment
from sheafnet.runtime.run_record import Process, Recovery

LOGGER = logging.getLogger("sheafnet")
TICK = 0.05
"""Longest time, in seconds, that ``HostSupervisor.reports`` waits before it yields None."""

RETRY = 0.2
"""Seconds between two requests to a host that Ray restarts."""


class HostSupervisor:
    """A supervisor that lets each Ray actor build its host, and requests reports from the hosts.

    Parameters
    ----------
    deployment
        The problem and the placement of its vertices on hosts.
    actors
        Host → handle of its actor.
    cluster
        Settings of the cluster.

    Attributes
    ----------
    deployment
        The deployment with its current pins and the snapshot of the latest rollback (if there was
        one).
    send_threshold
        Current send threshold: changes of a projection of at most this size need not be sent.
    processes
        Host → the machine and the id of its process.
    recoveries
        One entry for each time that a lost host has returned, in the order of the returns.
    forgotten
        Names of the hosts that have lost their maps since the latest rollback.
    """

    def __init__(
        self, deployment: Deployment, actors: Mapping[str, Handle], cluster: ClusterSettings
    ) -> None:
        self.deployment = deployment
        self.send_threshold = deployment.send_threshold
        self.processes: dict[str, Process] = {}
        self.recoveries: list[Recovery] = []
        self.forgotten: set[str] = set()
        self._cluster = cluster
        self._incarnations = dict.fromkeys(actors, 0)
        self._lost_at: dict[str, float] = {}
        self._actors = actors

    def bind(self) -> None:
        """Let every Ray actor build its host, and give it the handles of the actors of the peers.

        Raises
        ------
        ClusterError
            If a host does not start within ``startup`` seconds, if a host is lost and cannot be
            restarted, or if Ray fails. An exception that is raised while a Ray actor builds its
            host is raised unchanged.
        """
        # All actors are requested to bind before the first is awaited. A frame to an actor that is
        # not bound is lost, and it is sent again only after its timeout.
        bound = {name: self._begin(name) for name in self._actors}
        for name, process in bound.items():
            self._confirm(name, process)

    def reports(self, request: StatusRequest) -> Iterator[StatusReport | None]:
        """Request a report from every host and yield the reports as they arrive.

        The actor of a lost host is bound again, and the request is repeated.

        Parameters
        ----------
        request
            The request of the coordinator.

        Yields
        ------
        StatusReport or None
            Each report when it arrives, and None after every wait of at most ``TICK`` seconds.

        Raises
        ------
        ClusterError
            If a lost host does not return within ``startup`` seconds, if a host is lost and cannot
            be restarted, if an exception is raised in a host, or if a host does not answer for
            ``silence`` seconds.
        """
        pending = {self._actors[name].report.remote(request): name for name in self._actors}
        later: dict[str, float] = {}
        asked_at = time.monotonic()
        while pending or later:
            if pending:
                done, _ = ray.wait(list(pending), num_returns=len(pending), timeout=TICK)
            else:
                done = []
                time.sleep(TICK)
            now = time.monotonic()
            for ref in done:
                name = pending.pop(ref)
                report = self._answer(name, ref)
                if report is None:
                    later[name] = now + RETRY
                else:
                    yield report
            for name in [name for name, when in later.items() if when <= now]:
                del later[name]
                pending[self._actors[name].report.remote(request)] = name
            for name in {*pending.values(), *later}:
                lost_at = self._lost_at.get(name)
                if lost_at is not None and now - lost_at > self._cluster.startup:
                    raise self._not_there(name)
                if lost_at is None and now - asked_at > self._cluster.silence:
                    raise ClusterError(
                        f"host {name!r} has not answered for {self._cluster.silence:g} s; "
                        "is its machine there, and does a map take that long?"
                    )
            yield None

    def set_threshold(self, threshold: float) -> None:
        """Set the send threshold of every vertex. It also applies to hosts that return later."""
        self.send_threshold = threshold
        for actor in self._actors.values():
            actor.set_threshold.remote(threshold)

    def set_frozen(self, frozen: bool) -> None:
        """Stop all vertices if ``frozen`` is True; otherwise let them step again."""
        for actor in self._actors.values():
            actor.set_frozen.remote(frozen)

    def set_pins(self, deployment: Deployment) -> None:
        """Replace all pins by those of ``deployment``, also for hosts that return later."""
        self.deployment = deployment
        for name, actor in self._actors.items():
            actor.set_pins.remote(deployment.pins_order(name))

    def quiesce(self) -> None:
        """Request that every actor drops its host. The actors can be bound to other hosts later."""
        for actor in self._actors.values():
            actor.quiesce.remote()

    def begin_anew(self, deployment: Deployment) -> None:
        """Replace every host by the host of the same name in ``deployment``; called in a rollback.

        Raises
        ------
        ClusterError
            If a condition of ``bind`` holds.
        """
        self.deployment = deployment
        self.forgotten.clear()
        self.bind()

    def _begin(self, name: str) -> ray.ObjectRef[Process]:
        """Request that a Ray actor builds its host, and return a Ray reference to its answer."""
        spec = self.deployment.host_spec(name, self._incarnations[name], self.send_threshold)
        peers = {peer: self._actors[peer] for peer in spec.peers}
        process: ray.ObjectRef[Process] = self._actors[name].bind.remote(spec, peers)
        return process

    def _confirm(self, name: str, process: ray.ObjectRef[Process]) -> None:
        """Wait until a Ray actor is bound, and store its process, or the time if the actor is lost.

        Raises
        ------
        ClusterError
            If the actor does not start within ``startup`` seconds, if it is lost and cannot be
            restarted, or if Ray fails. An exception that is raised while the actor builds its host
            is raised unchanged.
        """
        try:
            self.processes[name] = Process(*ray.get(process, timeout=self._cluster.startup))
        except ActorUnavailableError:
            self._lose(name)  # The host is bound again when it has returned.
        except ActorDiedError as error:
            raise self._gone(name, error) from error
        except RayTaskError as error:
            raise error.cause from error
        except GetTimeoutError as error:
            raise self._not_there(name) from error
        except RayError as error:  # For example, an exception of the host cannot be unpickled here.
            raise ClusterError(f"host {name!r} could not begin: {error}") from error

    def _answer(self, name: str, ref: ray.ObjectRef[StatusReport | None]) -> StatusReport | None:
        """Return the report of a host, or None if the host is lost or its actor was restarted.

        If the actor was restarted, it is bound to the next incarnation of the host.

        Raises
        ------
        ClusterError
            If the host is lost and cannot be restarted, if an exception was raised in the host, or
            if its actor cannot be bound after a restart.
        """
        try:
            report = ray.get(ref)
        except ActorUnavailableError:
            self._lose(name)
            return None
        except ActorDiedError as error:
            raise self._gone(name, error) from error
        except RayTaskError as error:
            raise ClusterError(f"host {name!r} failed: {error.cause!r}") from error
        if report is None:
            self._lose(name)
            self._incarnations[name] += 1
            if self.deployment.problem.learns_in_steps:
                self.forgotten.add(name)
            self._confirm(name, self._begin(name))
            return None
        lost_at = self._lost_at.pop(name, None)
        if lost_at is not None:
            recovery = Recovery(name, self._incarnations[name], time.monotonic() - lost_at)
            self.recoveries.append(recovery)
            LOGGER.warning("host %s is back after %.1f s, incarnation %d", name, recovery.seconds,
                           recovery.incarnation)  # fmt: skip
        return report

    def _lose(self, name: str) -> None:
        if name not in self._lost_at:
            self._lost_at[name] = time.monotonic()
            LOGGER.warning("host %s was lost; Ray restarts it", name)

    def _not_there(self, name: str) -> ClusterError:
        return ClusterError(
            f"host {name!r} did not start within {self._cluster.startup:g} s; "
            "has the cluster room for it? If it only takes longer, raise startup"
        )

    def _gone(self, name: str, error: ActorDiedError) -> ClusterError:
        return ClusterError(
            f"host {name!r} is lost for good, after {self._incarnations[name]} restarts of at most "
            f"{self._cluster.max_restarts}: {str(error).splitlines()[0]}"
        )
