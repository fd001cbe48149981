"""The pool of actors: started for a run, kept for the next one where that is wanted, killed."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from sheafnet.errors import ClusterError
from sheafnet.runtime.cluster.coordinator_actor import CoordinatorActor
from sheafnet.runtime.cluster.host_actor import Handle, HostActor
from sheafnet.runtime.cluster.session import session
from sheafnet.runtime.cluster.settings import ClusterSettings

CALLS_AT_A_TIME = 4

QUIESCED_WITHIN = 1.0
"""Seconds in which an actor must have quiesced to be kept."""


@contextlib.contextmanager
def open_pool(cluster: ClusterSettings) -> Iterator[ActorPool]:
    """Be connected to Ray, with actors that end with the context.

    Raises
    ------
    ClusterError
        If Ray cannot be started or joined.
    """
    with session(cluster.address), contextlib.closing(ActorPool(cluster)) as pool:
        yield pool


class ActorPool:
    """Actors for run after run: coordinators, and hosts with the name that each had last.

    Parameters
    ----------
    cluster
        How often hosts may come back, and what is set aside for them.
    """

    def __init__(self, cluster: ClusterSettings) -> None:
        self._cluster = cluster
        self._lock = threading.Lock()
        self._coordinators: list[Handle] = []
        self._hosts: list[tuple[str, Handle]] = []
        self._closed = False

    def require_open(self) -> None:
        """Raise ``ClusterError`` if all this is over."""
        if self._closed:
            raise ClusterError("the warm cluster is closed; run inside its with block")

    def coordinator(self) -> Handle:
        """Return one that is there, or on its way."""
        with self._lock:
            idle, self._coordinators = self._coordinators[-1:], self._coordinators[:-1]
        well = quiesced(idle)
        return well[0] if well else self._new_coordinator()

    def hosts(self, names: Iterable[str], run: str) -> dict[str, Handle]:
        """Return an actor for each host of a run, all of which are there or on their way.

        Who had the name before has it again; else it is any that is idle.
        """
        with self._lock:
            idle, self._hosts = self._hosts, []
        well = quiesced([actor for _, actor in idle])
        free = [(name, actor) for name, actor in idle if actor in well]
        hosts: dict[str, Handle | None] = dict.fromkeys(names)
        for name, actor in free[::-1]:  # of several, who had it last
            if name in hosts and hosts[name] is None:
                hosts[name] = actor
                free.remove((name, actor))
        found = {
            name: actor or (free.pop()[1] if free else self._new_host(name, run))
            for name, actor in hosts.items()
        }
        with self._lock:
            self._hosts += free
        return found

    def release(self, coordinator: Handle, hosts: Mapping[str, Handle]) -> None:
        """Take back those whose run went well; who does not quiesce is killed."""
        well = quiesced([coordinator, *hosts.values()])
        with self._lock:
            if coordinator in well:
                self._coordinators.append(coordinator)
            self._hosts += [(name, actor) for name, actor in hosts.items() if actor in well]
        if self._closed:
            self.close()

    def close(self) -> None:
        """End all that are idle; those at work follow when their run is over."""
        self._closed = True
        with self._lock:
            kill([*self._coordinators, *(actor for _, actor in self._hosts)])
            self._coordinators, self._hosts = [], []

    def _new_coordinator(self) -> Handle:
        here = ray.get_runtime_context().get_node_id()
        return (
            ray.remote(CoordinatorActor)
            .options(
                num_cpus=0,
                max_concurrency=CALLS_AT_A_TIME,
                scheduling_strategy=NodeAffinitySchedulingStrategy(here, soft=False),
            )
            .remote()
        )

    def _new_host(self, name: str, run: str) -> Handle:
        return (
            ray.remote(HostActor)
            .options(
                # Named, as it is first, for whoever looks at the cluster with Ray's own tools.
                name=f"{run}/{name}",
                num_cpus=self._cluster.cpus,
                max_restarts=self._cluster.max_restarts,
                scheduling_strategy="SPREAD",
                # Ray would keep an entry for every frame.
                enable_task_events=False,
            )
            .remote()
        )


def quiesced(actors: Sequence[Handle]) -> list[Handle]:
    """Have actors quiesce; return those that have, in their order, and kill the others."""
    quiescing = []
    for actor in actors:
        with contextlib.suppress(RayError):
            quiescing.append((actor, actor.quiesce.remote()))
    if quiescing:
        refs = [ref for _, ref in quiescing]
        ray.wait(refs, num_returns=len(refs), timeout=QUIESCED_WITHIN)
    well = []
    for actor, ref in quiescing:
        with contextlib.suppress(RayError):  # it died, or takes too long
            ray.get(ref, timeout=0)
            well.append(actor)
    kill(actor for actor in actors if actor not in well)
    return well


def kill(actors: Iterable[Handle]) -> None:
    """End every actor that has not ended yet."""
    for actor in actors:
        if ray.is_initialized():  # to kill without it would start one
            with contextlib.suppress(RayError):
                ray.kill(actor)
