"""The supervisor of a run's actors: binds them, asks them, and brings back those that are lost."""

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
"""Seconds after which whoever waits for reports gets its turn."""

RETRY = 0.2
"""Seconds between questions to a host that is being restarted."""


class HostSupervisor:
    """One actor for each host of a deployment.

    Parameters
    ----------
    deployment
        Which vertices each host has. Replaced when the pins change, and after a rollback.
    actors
        Host → its actor.
    cluster
        How long they may take and be silent.

    Attributes
    ----------
    send_threshold
        What vertices may leave unsaid by now.
    processes
        The process of each host.
    recoveries
        Hosts that were lost and came back.
    forgotten
        Those whose maps were lost with them, as far as nothing has been done about it yet.
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
        """Tell every actor which host it is and who its neighbours are."""
        # All at once: what one says to another that is not bound yet is lost, and said again only
        # when its time has run out.
        bound = {name: self._begin(name) for name in self._actors}
        for name, process in bound.items():
            self._confirm(name, process)

    def reports(self, request: StatusRequest) -> Iterator[StatusReport | None]:
        """Ask every host; yield each report as it comes, and None every now and then.

        Raises
        ------
        ClusterError
            If a host is lost for good, silent for too long, or failed.
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
        """Have every vertex act on anything larger than ``threshold`` from now on."""
        self.send_threshold = threshold
        for actor in self._actors.values():
            actor.set_threshold.remote(threshold)

    def set_frozen(self, frozen: bool) -> None:
        """Have no vertex step from now on, or let them again."""
        for actor in self._actors.values():
            actor.set_frozen.remote(frozen)

    def set_pins(self, deployment: Deployment) -> None:
        """Have every host obey the pins of ``deployment``, also those that come back later."""
        self.deployment = deployment
        for name, actor in self._actors.items():
            actor.set_pins.remote(deployment.pins_order(name))

    def quiesce(self) -> None:
        """Have every host end; its actor can be another one later."""
        for actor in self._actors.values():
            actor.quiesce.remote()

    def begin_anew(self, deployment: Deployment) -> None:
        """Have every host begin as ``deployment`` has it, and forget what it was."""
        self.deployment = deployment
        self.forgotten.clear()
        self.bind()

    def _begin(self, name: str) -> ray.ObjectRef[Process]:
        """Tell one actor; return what it will answer."""
        spec = self.deployment.host_spec(name, self._incarnations[name], self.send_threshold)
        peers = {peer: self._actors[peer] for peer in spec.peers}
        process: ray.ObjectRef[Process] = self._actors[name].bind.remote(spec, peers)
        return process

    def _confirm(self, name: str, process: ray.ObjectRef[Process]) -> None:
        """Wait for its answer."""
        try:
            self.processes[name] = Process(*ray.get(process, timeout=self._cluster.startup))
        except ActorUnavailableError:
            self._lose(name)  # it is asked again, and bound again, when it is back
        except ActorDiedError as error:
            raise self._gone(name, error) from error
        except RayTaskError as error:
            raise error.cause from error
        except GetTimeoutError as error:
            raise self._not_there(name) from error
        except RayError as error:  # what the host raised cannot be read here, for example
            raise ClusterError(f"host {name!r} could not begin: {error}") from error

    def _answer(self, name: str, ref: ray.ObjectRef[StatusReport | None]) -> StatusReport | None:
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
