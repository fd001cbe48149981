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

    A run converges to the same result as in the simulator. But the durations of
    steps and the delays of frames vary, so that the steps of two runs differ.

    Parameters
    ----------
    address
        Address of Ray. ``"local"`` (default) uses the Ray to which this process is connected; if
        there is none, it starts Ray on this machine for the run, with no connection beyond
        loopback. ``"auto"`` joins the Ray that the environment variable RAY_ADDRESS names, or
        without this variable the Ray that runs on this machine. ``"host:port"`` joins the Ray whose
        head (its central process) has this address.
    placement
        Placement of the vertices on hosts: ``"by-layer"`` (default), ``"by-vertex"``, or a mapping
        host → its vertices; see ``sheafnet.runtime.hosts.placement.hosts_of``.
    window
        Largest number of frames that a host may have in flight (sent and not acknowledged) to each
        other host; at least 1 (default).
    max_restarts
        Largest number of restarts of each host, at least 0; if a host is lost once more, the run
        fails. The default is 3.
    report_interval
        Seconds from the start of one wave to the start of the next (a wave: the coordinator asks
        every host once for a report); positive and finite. The default is 0.1.
    startup
        Seconds within which the coordinator and each host must start, and within which a lost host
        must return. Otherwise the run fails. Positive and finite; the default is 120.
    silence
        Seconds within which a running host or the coordinator must answer a request. Otherwise the
        run fails. Positive and finite; the default is 60.
    cpus
        Number of cores that Ray reserves for each host, finite, at least 0. With 0 (default) Ray
        reserves none, and the operating system shares the cores among the hosts.

    Raises
    ------
    InputError
        If one of these settings is outside its range, or if ``address`` has none of the three
        forms.
    """

    def run(self, problem: Problem, hooks: RunHooks) -> Record:
        """Run ``problem`` to its end and return the record of the run.

        Parameters
        ----------
        problem
            The problem to run.
        hooks
            Hooks that are called in this process, about twenty times a second.

        Raises
        ------
        InputError
            If ``placement`` is an unknown string, or if it leaves out a vertex or lists a vertex
            twice.
        UnknownNameError
            If ``placement`` names a vertex that does not exist.
        RuleError
            If the rule cannot begin at a vertex.
        ClusterError
            If Ray is not installed, if Ray cannot be started or joined, if this process is
            connected to a Ray with another address, if the coordinator or a host does not start
            within ``startup`` seconds, if a host is lost more than ``max_restarts`` times, if a
            host or the coordinator does not answer for ``silence`` seconds, if an exception is
            raised in a host, or if the coordinator or the head of Ray is lost.
        """
        return self.attended(Observer()).run(problem, hooks)

    def attended(self, observer: Observer) -> AttendedCluster:
        """Return a runtime with the same settings whose coordinator calls ``observer``.

        Parameters
        ----------
        observer
            The observer. It is pickled, and its copy is called in the process of the coordinator.
        """
        return AttendedCluster(self, None, observer)

    @contextlib.contextmanager
    def warm(self) -> Iterator[WarmCluster]:
        """Return a context with a runtime that keeps Ray and the actors from one run to the next.

        Later runs need no time to start processes. The actors of a run that failed, and the actors
        of hosts that were lost, are replaced by new ones.

        Yields
        ------
        WarmCluster
            The runtime. It can be used until the context ends.

        Raises
        ------
        ClusterError
            If Ray is not installed, if Ray cannot be started or joined, or if this process is
            connected to a Ray with another address.
        """
        with _module("actor_pool").open_pool(self) as pool:
            yield WarmCluster(self, pool)


@dataclass(frozen=True)
class WarmCluster:
    """A cluster whose actors are kept until the end of the context of ``Cluster.warm``.

    Attributes
    ----------
    cluster
        Settings of the runs. A change of ``max_restarts`` or ``cpus`` has no effect, since the
        pool keeps the values that it was opened with.
    pool
        The pool of actors that the runs use.
    """

    cluster: Cluster
    pool: ActorPool

    def run(self, problem: Problem, hooks: RunHooks) -> Record:
        """Run ``problem`` on the actors that ``Cluster.warm`` has started, and return the record.

        Parameters
        ----------
        problem
            The problem to run.
        hooks
            Hooks that are called in this process, about twenty times a second.

        Raises
        ------
        InputError
            If the ``placement`` of the cluster's settings is an unknown string, or if it leaves out
            a vertex or lists a vertex twice.
        UnknownNameError
            If that ``placement`` names a vertex that does not exist.
        RuleError
            If the rule has no program for a vertex; see ``sn.Rule.start``.
        ClusterError
            If the ``with`` block of ``Cluster.warm`` has ended, or in any case in which
            ``Cluster.run`` raises this error.
        """
        return self.attended(Observer()).run(problem, hooks)

    def attended(self, observer: Observer) -> AttendedCluster:
        """Return a runtime with the same settings whose coordinator calls ``observer``.

        Parameters
        ----------
        observer
            The observer. It is pickled, and its copy is called in the process of the coordinator.
        """
        return AttendedCluster(self.cluster, self.pool, observer)


@dataclass(frozen=True)
class AttendedCluster:
    """A cluster runtime whose coordinator calls an observer.

    Attributes
    ----------
    cluster
        Settings of the runs.
    pool
        The pool of actors to use. With None, new actors are started for each run.
    observer
        The observer. A copy of it is called in the process of the coordinator.
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
            Hooks that are called in this process, about twenty times a second.

        Raises
        ------
        InputError
            If ``placement`` is an unknown string, or if it leaves out a vertex or lists a vertex
            twice.
        UnknownNameError
            If ``placement`` names a vertex that does not exist.
        RuleError
            If the rule cannot begin at a vertex.
        ClusterError
            If the pool is closed, or if a condition of ``Cluster.run`` holds.
        """
        drive = _module("driver").drive
        record: Record = drive(problem, self.cluster, self.observer, hooks, self.pool)
        return record


def _module(name: str) -> ModuleType:
    """Import and return a module of this package that needs Ray. Ray is kept off the Internet.

    Raises
    ------
    ClusterError
        If Ray is not installed.
    ModuleNotFoundError
        If a module other than Ray is not installed.
    """
    environment.stay_offline()
    try:
        return importlib.import_module(f"sheafnet.runtime.cluster.{name}")
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise ClusterError("Ray is not installed: pip install ray") from None
