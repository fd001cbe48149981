"""The supervisor of a run's actors: it binds them to hosts, asks them, and restores lost ones."""

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
"""Seconds to wait for reports before ``HostSupervisor.reports`` yields None."""

RETRY = 0.2
"""Seconds between requests to a host that is being restarted."""


class HostSupervisor:
    """A supervisor with one actor for each host of a deployment.

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
        The deployment, with the current pins and the latest rollback.
    send_threshold
        Largest change of a projection that a vertex may currently withhold.
    processes
        Host → its process.
    recoveries
        Hosts that were lost and have returned.
    forgotten
        Hosts whose maps were lost, and for which no rollback has followed yet.
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
        """Bind every actor to its host and to the actors of the neighbours.

        Raises
        ------
        ClusterError
            If a host does not start in time, is lost for good, or cannot begin. An exception that
            was raised in the actor is raised as it is.
        """
        # All binds are requested before any is awaited: a frame to an actor that is not bound is
        # lost, and sent again only after its timeout.
        bound = {name: self._begin(name) for name in self._actors}
        for name, process in bound.items():
            self._confirm(name, process)

    def reports(self, request: StatusRequest) -> Iterator[StatusReport | None]:
        """Ask every host for a report, and bind hosts again that were lost.

        Parameters
        ----------
        request
            The request of the coordinator.

        Yields
        ------
        StatusReport or None
            Each report as it arrives, and None at least every ``TICK`` seconds.

        Raises
        ------
        ClusterError
            If a lost host does not return within ``startup``, is lost for good, or fails; or if a
            host does not answer for ``silence``.
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
        """Set the send threshold of every vertex, also of hosts that return later."""
        self.send_threshold = threshold
        for actor in self._actors.values():
            actor.set_threshold.remote(threshold)

    def set_frozen(self, frozen: bool) -> None:
        """Freeze all vertices, so that none steps, or release them."""
        for actor in self._actors.values():
            actor.set_frozen.remote(frozen)

    def set_pins(self, deployment: Deployment) -> None:
        """Replace the pins by those of ``deployment``, also for hosts that return later."""
        self.deployment = deployment
        for name, actor in self._actors.items():
            actor.set_pins.remote(deployment.pins_order(name))

    def quiesce(self) -> None:
        """End every host; its actor can be bound to another one later."""
        for actor in self._actors.values():
            actor.quiesce.remote()

    def begin_anew(self, deployment: Deployment) -> None:
        """Replace every host by the one of ``deployment``, after a rollback.

        Raises
        ------
        ClusterError
            Under the conditions of ``bind``.
        """
        self.deployment = deployment
        self.forgotten.clear()
        self.bind()

    def _begin(self, name: str) -> ray.ObjectRef[Process]:
        """Request one actor to bind; return a reference to its answer."""
        spec = self.deployment.host_spec(name, self._incarnations[name], self.send_threshold)
        peers = {peer: self._actors[peer] for peer in spec.peers}
        process: ray.ObjectRef[Process] = self._actors[name].bind.remote(spec, peers)
        return process

    def _confirm(self, name: str, process: ray.ObjectRef[Process]) -> None:
        """Wait until an actor is bound.

        Raises
        ------
        ClusterError
            If it does not start in time, is lost for good, or cannot begin. An exception that was
            raised in the actor is raised as it is.
        """
        try:
            self.processes[name] = Process(*ray.get(process, timeout=self._cluster.startup))
        except ActorUnavailableError:
            self._lose(name)  # It is asked and bound again when it has returned.
        except ActorDiedError as error:
            raise self._gone(name, error) from error
        except RayTaskError as error:
            raise error.cause from error
        except GetTimeoutError as error:
            raise self._not_there(name) from error
        except RayError as error:  # For example, an exception of the host cannot be unpickled here.
            raise ClusterError(f"host {name!r} could not begin: {error}") from error

    def _answer(self, name: str, ref: ray.ObjectRef[StatusReport | None]) -> StatusReport | None:
        """Return the report of a host; if it is lost or has been restarted, handle that first.

        Raises
        ------
        ClusterError
            If the host is lost for good, has failed, or cannot be bound after a restart.
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
