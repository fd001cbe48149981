"""The pool of actors: it starts them for a run, keeps them for later runs, and kills them."""

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
"""Remote calls that a coordinator executes at the same time, as threads of its process."""

QUIESCED_WITHIN = 1.0
"""Seconds within which an actor must quiesce to be kept."""


@contextlib.contextmanager
def open_pool(cluster: ClusterSettings) -> Iterator[ActorPool]:
    """Return a context that connects to Ray and has a pool, whose actors end with the context.

    Parameters
    ----------
    cluster
        Settings of the cluster: the address of Ray, and resources and restarts of the hosts.

    Raises
    ------
    ClusterError
        If Ray cannot be started or joined, or if this process is connected to another Ray.
    """
    with session(cluster.address), contextlib.closing(ActorPool(cluster)) as pool:
        yield pool


class ActorPool:
    """A pool of actors for successive runs: coordinators, and hosts under their latest names.

    Parameters
    ----------
    cluster
        Settings of the cluster, for the number of restarts and the cores of a host.
    """

    def __init__(self, cluster: ClusterSettings) -> None:
        self._cluster = cluster
        self._lock = threading.Lock()
        self._coordinators: list[Handle] = []
        self._hosts: list[tuple[str, Handle]] = []
        self._closed = False

    def require_open(self) -> None:
        """Check that the pool is open.

        Raises
        ------
        ClusterError
            If the pool has been closed.
        """
        if self._closed:
            raise ClusterError("the warm cluster is closed; run inside its with block")

    def coordinator(self) -> Handle:
        """Return an idle coordinator, or a new one, which may still be starting."""
        with self._lock:
            idle, self._coordinators = self._coordinators[-1:], self._coordinators[:-1]
        well = quiesced(idle)
        return well[0] if well else self._new_coordinator()

    def hosts(self, names: Iterable[str], run: str) -> dict[str, Handle]:
        """Return an actor for each host of a run; new actors may still be starting.

        A host gets the idle actor that had its name in the latest run, otherwise any idle actor,
        otherwise a new one.

        Parameters
        ----------
        names
            Names of the hosts.
        run
            Name of the run, from which the names of new actors are formed.

        Returns
        -------
        dict
            Host → handle of its actor.
        """
        with self._lock:
            idle, self._hosts = self._hosts, []
        well = quiesced([actor for _, actor in idle])
        free = [(name, actor) for name, actor in idle if actor in well]
        hosts: dict[str, Handle | None] = dict.fromkeys(names)
        for name, actor in free[::-1]:  # The actor that had the name last comes first.
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
        """Take back the actors of a successful run; kill those that do not quiesce."""
        well = quiesced([coordinator, *hosts.values()])
        with self._lock:
            if coordinator in well:
                self._coordinators.append(coordinator)
            self._hosts += [(name, actor) for name, actor in hosts.items() if actor in well]
        if self._closed:
            self.close()

    def close(self) -> None:
        """Close the pool: kill idle actors now, and the others when their run is over."""
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
                # The name is for users of Ray's own tools. A later run does not change it.
                name=f"{run}/{name}",
                num_cpus=self._cluster.cpus,
                max_restarts=self._cluster.max_restarts,
                scheduling_strategy="SPREAD",
                # Otherwise Ray would keep an entry for every frame.
                enable_task_events=False,
            )
            .remote()
        )


def quiesced(actors: Sequence[Handle]) -> list[Handle]:
    """Quiesce actors; return those that did so in time, in the order given, and kill the others."""
    quiescing = []
    for actor in actors:
        with contextlib.suppress(RayError):
            quiescing.append((actor, actor.quiesce.remote()))
    if quiescing:
        refs = [ref for _, ref in quiescing]
        ray.wait(refs, num_returns=len(refs), timeout=QUIESCED_WITHIN)
    well = []
    for actor, ref in quiescing:
        with contextlib.suppress(RayError):  # The actor has died, or takes too long.
            ray.get(ref, timeout=0)
            well.append(actor)
    kill(actor for actor in actors if actor not in well)
    return well


def kill(actors: Iterable[Handle]) -> None:
    """Kill actors; those that have ended already are left out."""
    for actor in actors:
        if ray.is_initialized():  # Without a connection ray.kill would start Ray.
            with contextlib.suppress(RayError):
                ray.kill(actor)
