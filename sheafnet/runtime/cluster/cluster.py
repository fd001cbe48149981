"""The cluster runtime: each host a process of its own, on this machine or on many."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

from sheafnet.errors import ClusterError
from sheafnet.runtime.cluster import environment
from sheafnet.runtime.cluster.settings import ClusterSettings
from sheafnet.runtime.interface import RunHooks
from sheafnet.runtime.jobs.observer import Observer
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.run_record import Record

if TYPE_CHECKING:
    from sheafnet.runtime.cluster.actor_pool import ActorPool


@dataclass(frozen=True)
class Cluster(ClusterSettings):
    """Runs a problem on Ray actors, one for each host, with a coordinator beside the driver.

    The answer is the simulator's; the course of the run is not repeatable.

    Attributes
    ----------
    address
        ``"local"`` starts Ray in this machine for the run, with no connection beyond loopback
        (or uses the Ray that this process is connected to already); ``"auto"`` joins the one
        that runs here or that RAY_ADDRESS names; ``"host:port"`` joins that one.
    placement
        ``"by-layer"``, ``"by-vertex"``, or host → its vertices; see ``hosts_of``.
    window
        Unacknowledged frames that a host may have on its way to each peer.
    max_restarts
        How often each host may be lost and come back before the run is given up.
    report_interval
        Seconds between the waves of the coordinator.
    startup
        Seconds in which a host must be there, at first and after it was lost.
    silence
        Seconds without an answer after which a host that was there, or the cluster, counts as
        lost.
    cpus
        Cores that Ray sets aside for each host; 0 leaves sharing them to the operating system.

    Raises
    ------
    InputError
        If a setting is out of range.
    """

    def run(self, problem: Problem, hooks: RunHooks) -> Record:
        """Run ``problem`` to its end.

        Raises
        ------
        ClusterError
            If Ray is missing or unreachable, or what was lost did not come back.
        """
        return self.attended(Observer()).run(problem, hooks)

    def attended(self, observer: Observer) -> AttendedCluster:
        """Return the runtime with ``observer`` beside the coordinator."""
        return AttendedCluster(self, None, observer)

    @contextlib.contextmanager
    def warm(self) -> Iterator[WarmCluster]:
        """Return a context whose runtime keeps Ray and its actors from one run to the next.

        A second run begins at once, where it takes processes seconds to start. The actors of a
        run that failed, and hosts that were lost, are replaced.

        Raises
        ------
        ClusterError
            If Ray is missing, or cannot be started or joined.
        """
        with _module("actor_pool").open_pool(self) as pool:
            yield WarmCluster(self, pool)


@dataclass(frozen=True)
class WarmCluster:
    """A cluster whose actors are kept until the context that it comes from ends.

    Attributes
    ----------
    cluster
        Its settings, of which those of its actors are taken when the context begins.
    pool
        Its actors.
    """

    cluster: Cluster
    pool: ActorPool

    def run(self, problem: Problem, hooks: RunHooks) -> Record:
        """Run ``problem`` to its end; see ``Cluster.run``."""
        return self.attended(Observer()).run(problem, hooks)

    def attended(self, observer: Observer) -> AttendedCluster:
        """Return the runtime with ``observer`` beside the coordinator."""
        return AttendedCluster(self.cluster, self.pool, observer)


@dataclass(frozen=True)
class AttendedCluster:
    """A cluster, with actors or none yet, and an observer that is told by its coordinator."""

    cluster: Cluster
    pool: ActorPool | None
    observer: Observer

    def run(self, problem: Problem, hooks: RunHooks) -> Record:
        """Run ``problem`` to its end; see ``Cluster.run``."""
        drive = _module("driver").drive
        record: Record = drive(problem, self.cluster, self.observer, hooks, self.pool)
        return record


def _module(name: str) -> ModuleType:
    """Import what needs Ray, with Ray kept from calling out."""
    environment.stay_offline()
    try:
        return importlib.import_module(f"sheafnet.runtime.cluster.{name}")
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise ClusterError("Ray is not installed: pip install ray") from None
