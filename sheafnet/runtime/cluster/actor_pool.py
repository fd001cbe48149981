"""A pool of actors: it starts actors for a run, keeps them for later runs, and kills them."""

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
"""Largest number of remote calls that a coordinator executes at once, each in its own thread."""

QUIESCED_WITHIN = 1.0
"""Seconds within which an actor must quiesce (drop its run); a slower actor is killed."""


@contextlib.contextmanager
def open_pool(cluster: ClusterSettings) -> Iterator[ActorPool]:
    """Return a context with a connection to Ray and a pool of actors. Both end with the context.

    Parameters
    ----------
    cluster
        Settings of the cluster. The pool uses ``address``, ``max_restarts`` and ``cpus``.

    Yields
    ------
    ActorPool
        The pool. It has no actors at first.

    Raises
    ------
    ClusterError
        If Ray cannot be started or joined, or if this process is connected to a Ray with another
        address.
    """
    with session(cluster.address), contextlib.closing(ActorPool(cluster)) as pool:
        yield pool


class ActorPool:
    """A pool of idle Ray actors for successive runs.

    It has actors for coordinators and actors for hosts. For each actor of a host, the pool keeps
    the name of the host to which the actor was last bound.

    Parameters
    ----------
    cluster
        Settings of the cluster. The pool uses ``max_restarts`` and ``cpus``.
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
        """Return an idle actor for a coordinator, or start a new actor and return it at once."""
        with self._lock:
            idle, self._coordinators = self._coordinators[-1:], self._coordinators[:-1]
        well = quiesced(idle)
        return well[0] if well else self._new_coordinator()

    def hosts(self, names: Iterable[str], run: str) -> dict[str, Handle]:
        """Return a Ray actor for each host of a run. A new actor may still be starting.

        A host gets the idle actor that was last bound to a host of the same name. If there is no
        such actor, the host gets any idle actor. If no actor is idle, a new actor is started.

        Parameters
        ----------
        names
            Names of the hosts.
        run
            Name of the run; it becomes a part of the names of new actors.

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
        for name, actor in free[::-1]:  # Of several actors with one name, the latest is used.
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
        """Take back the actors of a successful run; kill actors that do not quiesce in time."""
        well = quiesced([coordinator, *hosts.values()])
        with self._lock:
            if coordinator in well:
                self._coordinators.append(coordinator)
            self._hosts += [(name, actor) for name, actor in hosts.items() if actor in well]
        if self._closed:
            self.close()

    def close(self) -> None:
        """Kill the idle actors now, and the actors of a present run when they are released."""
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
                # The name is shown by Ray's own tools. It stays the same in later runs.
                name=f"{run}/{name}",
                num_cpus=self._cluster.cpus,
                max_restarts=self._cluster.max_restarts,
                scheduling_strategy="SPREAD",
                # Otherwise Ray would keep a record of every call, and each frame is a call.
                enable_task_events=False,
            )
            .remote()
        )


def quiesced(actors: Sequence[Handle]) -> list[Handle]:
    """Request that actors drop their run, and return the actors that have done this in time.

    The order of the actors stays the same. All other actors are killed.
    """
    quiescing = []
    for actor in actors:
        with contextlib.suppress(RayError):
            quiescing.append((actor, actor.quiesce.remote()))
    if quiescing:
        refs = [ref for _, ref in quiescing]
        ray.wait(refs, num_returns=len(refs), timeout=QUIESCED_WITHIN)
    well = []
    for actor, ref in quiescing:
        with contextlib.suppress(RayError):  # The actor has died or takes too long.
            ray.get(ref, timeout=0)
            well.append(actor)
    kill(actor for actor in actors if actor not in well)
    return well


def kill(actors: Iterable[Handle]) -> None:
    """Kill actors. Actors that have already ended are skipped."""
    for actor in actors:
        if ray.is_initialized():  # Without a connection ray.kill would start Ray.
            with contextlib.suppress(RayError):
                ray.kill(actor)
