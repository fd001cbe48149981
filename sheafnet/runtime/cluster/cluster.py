"""The cluster runtime: a process for each host, on one machine or many."""

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
    """A runtime of Ray actors, one for each host, with a coordinator on the machine of the driver.

    A run converges to the same result as in the simulator, but its course is not repeatable.

    Parameters
    ----------
    address
        ``"local"`` (default) uses the Ray to which this process is connected, or else starts Ray on
        this machine for the run, with no connection beyond loopback. ``"auto"`` joins the Ray that
        the environment variable RAY_ADDRESS names, or that runs on this machine. ``"host:port"``
        joins the Ray whose head has this address.
    placement
        Placement of the vertices: ``"by-layer"`` (default), ``"by-vertex"``, or host → its
        vertices; see ``sheafnet.runtime.hosts.placement.hosts_of``.
    window
        Number of unacknowledged frames that a host may have in flight to each peer, at least 1
        (default).
    max_restarts
        Number of times that each host may be lost and restarted before the run fails, at least 0.
        The default is 3.
    report_interval
        Seconds between the waves of the coordinator, positive and finite. The default is 0.1.
    startup
        Seconds within which the coordinator and each host must start, and a lost host must return;
        positive and finite. The default is 120.
    silence
        Seconds without an answer after which a running host or the coordinator counts as lost;
        positive and finite. The default is 60.
    cpus
        Number of cores that Ray reserves for each host, finite, at least 0. With 0 (default) Ray
        reserves none, and the operating system shares the cores among the hosts.

    Raises
    ------
    InputError
        If one of these settings is outside its range, or if ``address`` is not of one of the forms
        above.
    """

    def run(self, problem: Problem, hooks: RunHooks) -> Record:
        """Run ``problem`` to its end and return the record of the run.

        Parameters
        ----------
        problem
            The problem to run.
        hooks
            Called in this process about twenty times a second.

        Raises
        ------
        InputError
            If there is no such placement, or if it leaves out a vertex or has one twice.
        UnknownNameError
            If the placement names an unknown vertex.
        ClusterError
            If Ray is not installed, or cannot be started or joined; if this process is connected
            to another Ray; if the coordinator or a host does not start within ``startup``; if a
            host is lost more than ``max_restarts`` times, does not answer for ``silence``, or
            fails; or if the coordinator or the head of the cluster is lost.
        """
        return self.attended(Observer()).run(problem, hooks)

    def attended(self, observer: Observer) -> AttendedCluster:
        """Return the runtime with an observer in the process of the coordinator.

        Parameters
        ----------
        observer
            The observer, which is pickled and called by the coordinator.
        """
        return AttendedCluster(self, None, observer)

    @contextlib.contextmanager
    def warm(self) -> Iterator[WarmCluster]:
        """Return a context whose runtime keeps Ray and its actors from one run to the next.

        Later runs need no time to start processes. The actors of a run that failed, and hosts that
        were lost, are replaced by new ones.

        Raises
        ------
        ClusterError
            If Ray is not installed, or cannot be started or joined, or if this process is
            connected to another Ray.
        """
        with _module("actor_pool").open_pool(self) as pool:
            yield WarmCluster(self, pool)


@dataclass(frozen=True)
class WarmCluster:
    """A cluster whose actors are kept until the end of the context of ``Cluster.warm``.

    Attributes
    ----------
    cluster
        Settings of the runs. The number of restarts and the cores of a host are those with which
        the context began.
    pool
        The pool of actors.
    """

    cluster: Cluster
    pool: ActorPool

    def run(self, problem: Problem, hooks: RunHooks) -> Record:
        """Run ``problem`` to its end and return the record of the run.

        Parameters
        ----------
        problem
            The problem to run.
        hooks
            Called in this process about twenty times a second.

        Raises
        ------
        InputError
            If there is no such placement, or if it leaves out a vertex or has one twice.
        UnknownNameError
            If the placement names an unknown vertex.
        ClusterError
            If the context has ended, or under the conditions of ``Cluster.run``.
        """
        return self.attended(Observer()).run(problem, hooks)

    def attended(self, observer: Observer) -> AttendedCluster:
        """Return the runtime with an observer in the process of the coordinator.

        Parameters
        ----------
        observer
            The observer, which is pickled and called by the coordinator.
        """
        return AttendedCluster(self.cluster, self.pool, observer)


@dataclass(frozen=True)
class AttendedCluster:
    """A cluster runtime with an observer, which its coordinator calls.

    Attributes
    ----------
    cluster
        Settings of the runs.
    pool
        The pool of actors to use; None starts actors for each run.
    observer
        The observer.
    """

    cluster: Cluster
    pool: ActorPool | None
    observer: Observer

    def run(self, problem: Problem, hooks: RunHooks) -> Record:
        """Run ``problem`` to its end and return the record of the run.

        Parameters
        ----------
        problem
            The problem to run.
        hooks
            Called in this process about twenty times a second.

        Raises
        ------
        InputError
            If there is no such placement, or if it leaves out a vertex or has one twice.
        UnknownNameError
            If the placement names an unknown vertex.
        ClusterError
            If the pool is closed, or under the conditions of ``Cluster.run``.
        """
        drive = _module("driver").drive
        record: Record = drive(problem, self.cluster, self.observer, hooks, self.pool)
        return record


def _module(name: str) -> ModuleType:
    """Import a module of this package that needs Ray, which is set to stay off the Internet.

    Raises
    ------
    ClusterError
        If Ray is not installed.
    ModuleNotFoundError
        If another module is not installed.
    """
    environment.stay_offline()
    try:
        return importlib.import_module(f"sheafnet.runtime.cluster.{name}")
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise ClusterError("Ray is not installed: pip install ray") from None
