"""The actors of runs: asked for, kept from one run to the next where that is wanted, and ended."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from sheafnet.errors import ClusterError
from sheafnet.runtime.cluster.actor import Handle, HostActor
from sheafnet.runtime.cluster.cluster import Cluster
from sheafnet.runtime.cluster.conductor import Conductor
from sheafnet.runtime.cluster.session import session

CALLS_AT_A_TIME = 4

RESTED_WITHIN = 1.0
"""Seconds in which an actor must have come to rest to be kept."""


@contextlib.contextmanager
def staffed(cluster: Cluster) -> Iterator[Staff]:
    """Be connected to Ray, with actors that live no longer than the context.

    Raises
    ------
    ClusterError
        If Ray cannot be started or joined.
    """
    with session(cluster.address), contextlib.closing(Staff(cluster)) as staff:
        yield staff


class Staff:
    """Actors for run after run: conductors, and hosts by name.

    Parameters
    ----------
    cluster
        How often hosts may come back, and what is set aside for them.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._conductors: list[Handle] = []
        self._hosts: dict[str, list[Handle]] = {}
        self._closed = False

    def conductor(self) -> Handle:
        """Return one that is free, or on its way.

        Raises
        ------
        ClusterError
            If all this is over.
        """
        if self._closed:
            raise ClusterError("the warm cluster is closed; run inside its with block")
        if self._conductors:
            return self._conductors.pop()
        here = ray.get_runtime_context().get_node_id()
        return (
            ray.remote(Conductor)
            .options(
                num_cpus=0,
                max_concurrency=CALLS_AT_A_TIME,
                scheduling_strategy=NodeAffinitySchedulingStrategy(here, soft=False),
            )
            .remote()
        )

    def hosts(self, names: Iterable[str], run: str) -> dict[str, Handle]:
        """Return an actor for each host of a run, all of which are there or on their way."""
        return {
            name: idle.pop() if (idle := self._hosts.get(name)) else self._hire(name, run)
            for name in names
        }

    def keep(self, conductor: Handle, hosts: Mapping[str, Handle]) -> None:
        """Take back those whose run went well; all are ended if one does not come to rest."""
        try:
            resting = [actor.rest.remote() for actor in (conductor, *hosts.values())]
            ray.get(resting, timeout=RESTED_WITHIN)
        except RayError:
            dismiss([conductor, *hosts.values()])
            return
        self._conductors.append(conductor)
        for name, actor in hosts.items():
            self._hosts.setdefault(name, []).append(actor)
        if self._closed:
            self.close()

    def close(self) -> None:
        """End all that are idle; those at work follow when their run is over."""
        self._closed = True
        dismiss(self._conductors)
        for idle in self._hosts.values():
            dismiss(idle)
        self._conductors.clear()
        self._hosts.clear()

    def _hire(self, name: str, run: str) -> Handle:
        return (
            ray.remote(HostActor)
            .options(
                # Named for whoever looks at the cluster with Ray's own tools.
                name=f"{run}/{name}",
                num_cpus=self._cluster.cpus,
                max_restarts=self._cluster.max_restarts,
                scheduling_strategy="SPREAD",
                # Ray would keep an entry for every frame.
                enable_task_events=False,
            )
            .remote()
        )


def dismiss(actors: Iterable[Handle]) -> None:
    """End every actor that has not ended yet."""
    for actor in actors:
        ray.kill(actor)
