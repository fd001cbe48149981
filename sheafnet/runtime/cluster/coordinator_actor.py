"""The coordinator of a cluster run, as a Ray actor on the machine of the driver.

This actor binds the actors of the hosts to their hosts, requests a status report from every host in
each wave, calls the observers that were sent to it, and decides when the run ends. No frame passes
through this actor.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from sheafnet.core.stalkpins import Pins
from sheafnet.runtime.cluster.host_actor import Handle
from sheafnet.runtime.cluster.settings import ClusterSettings
from sheafnet.runtime.cluster.supervisor import HostSupervisor
from sheafnet.runtime.hosts.control import Finished, SetFrozen, SetThreshold, Settled
from sheafnet.runtime.hosts.coordinator import Coordinator, Phase
from sheafnet.runtime.hosts.deployment import Deployment
from sheafnet.runtime.hosts.send_policy import SendPolicy
from sheafnet.runtime.interface import RunHooks
from sheafnet.runtime.jobs.observer import Observer
from sheafnet.runtime.jobs.run import Run
from sheafnet.runtime.jobs.training import Training, job_of
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.progress import Progress
from sheafnet.runtime.run_record import Record, record_of
from sheafnet.runtime.stop import Outcome

FIRST_TIMEOUT = 1.0
MIN_TIMEOUT = 0.25
"""Timeouts: seconds without an acknowledgement after which a host sends a frame again. A host uses
``FIRST_TIMEOUT`` until it has measured a round trip. Every later timeout is computed from round
trips and is at least ``MIN_TIMEOUT``."""


class CoordinatorActor:
    """A Ray actor that executes one run at a time, and meanwhile answers calls of the driver."""

    _job: Run | Training

    def prepare(
        self,
        problem: Problem,
        cluster: ClusterSettings,
        run: str,
        observer: Observer,
        actors: Mapping[str, Handle],
    ) -> None:
        """Store all that ``execute`` needs to run a problem on the given actors.

        Parameters
        ----------
        problem
            The problem to run.
        cluster
            Settings of the cluster.
        run
            Name of the run.
        observer
            Observer that is called in this process.
        actors
            Host → handle of its actor, which may still be starting.
        """
        self._job = job_of(problem, Waves(cluster, run, actors), observer)

    def quiesce(self) -> None:
        """Drop the prepared or executed run, if there is one. Another run can then be prepared."""
        vars(self).clear()

    def execute(self) -> Record:
        """Execute the prepared run and return its record."""
        return self._job.execute().record

    def progress(self) -> Progress | None:
        """Return the last progress that the observer has received; None if there is none yet."""
        return self._job.progress()

    def obey(self, pins: Pins) -> None:
        """Replace the pins of the run."""
        assert isinstance(self._job, Run)
        self._job.obey(pins)

    def settled(self) -> Record | None:
        """Return the record of a stay run if it has converged under its latest pins, else None."""
        assert isinstance(self._job, Run)
        try:
            return self._job.settle(timeout=0.0).record
        except TimeoutError:
            return None

    def stop(self) -> None:
        """Request the end of the run."""
        self._job.stop()


class Waves:
    """The runtime in the process of the coordinator: it runs a problem on the actors of hosts.

    Parameters
    ----------
    cluster
        Settings of the cluster.
    run
        Name of the run.
    actors
        Host → handle of its actor.
    """

    def __init__(self, cluster: ClusterSettings, run: str, actors: Mapping[str, Handle]) -> None:
        self._cluster = cluster
        self._run = run
        self._actors = actors

    def run(self, problem: Problem, hooks: RunHooks) -> Record:
        """Run ``problem`` to its end and return the record of the run.

        Parameters
        ----------
        problem
            The problem to run.
        hooks
            Hooks that are called after every wave (a wave: every host is asked once for a report).

        Raises
        ------
        ClusterError
            If a host does not start within ``startup`` seconds, if a lost host does not return
            within ``startup`` seconds, if a host is lost more than ``max_restarts`` times, if a
            host does not answer for ``silence`` seconds, or if an exception is raised in a host. An
            exception that is raised while a host is built is raised unchanged.
        """
        cluster = self._cluster
        send_policy = SendPolicy(FIRST_TIMEOUT, cluster.window, MIN_TIMEOUT)
        deployment = Deployment(problem, self._run, cluster.placement, send_policy)
        supervisor = HostSupervisor(deployment, self._actors, cluster)
        try:
            supervisor.bind()
            return _WaveLoop(supervisor, cluster.report_interval, hooks).run()
        finally:
            # The driver releases or kills the actors only after the observers have finished. The
            # hosts shall not continue to step during this time.
            supervisor.quiesce()


class _WaveLoop:
    """The loop that carries out the waves of one run until the run ends."""

    def __init__(self, supervisor: HostSupervisor, interval: float, hooks: RunHooks) -> None:
        problem = supervisor.deployment.problem
        self.supervisor = supervisor
        self.interval = interval
        self.hooks = hooks
        self.coordinator = Coordinator(
            problem,
            supervisor.deployment.members,
            supervisor.send_threshold,
            supervisor.deployment.run,
        )
        self.began = time.monotonic()
        self.deadline = self.began + (problem.stop.max_time or float("inf"))

    def run(self) -> Record:
        while True:
            began = time.monotonic()
            finished = self.wave()
            if self.supervisor.forgotten:
                self.roll_back()
            for snapshot in self.coordinator.take_snapshots():
                self.hooks.on_snapshot(snapshot)
            if finished is None:
                finished = self.poll()
            if finished is not None:
                return self.record(finished)
            if self.coordinator.phase is not Phase.CONFIRMING:
                time.sleep(max(began + self.interval - time.monotonic(), 0.0))

    def wave(self) -> Finished | None:
        """Request a report from every host, and carry out the decisions of the coordinator.

        Return ``Finished`` if the coordinator has decided that the run ends, else None.
        """
        finished = None
        for report in self.supervisor.reports(self.coordinator.begin_wave()):
            if report is None:
                continue
            match self.coordinator.receive(report, self.elapsed):
                case Finished() as end:
                    finished = end
                case Settled(cochain):
                    outcome = Outcome.CONVERGED
                    self.hooks.on_settled(self.record(Finished(outcome, outcome.value, cochain)))
                case SetThreshold(threshold):
                    self.supervisor.set_threshold(threshold)
                case SetFrozen(frozen):
                    self.supervisor.set_frozen(frozen)
                case None:
                    pass
        return finished

    def roll_back(self) -> None:
        """Make every host begin again from the last snapshot, after a host has lost its maps."""
        deployment = self.supervisor.deployment.resumed(self.coordinator.latest)
        self.coordinator.roll_back(deployment.run)
        self.supervisor.begin_anew(deployment)

    def poll(self) -> Finished | None:
        """Call the hooks; then request the end of the run, or set new pins, if there is a reason.

        Reasons for the end are a request of the hooks and the deadline. Return ``Finished`` if the
        run ends at once, as a stay run that has converged does. Return None if the run goes on, or
        if it ends after further waves.
        """
        self.hooks.on_round(self.coordinator.rounds, self.progress)
        if self.hooks.stopping:
            return self.coordinator.end(Outcome.STOPPED)
        if time.monotonic() >= self.deadline:
            return self.coordinator.end(Outcome.BUDGET_EXHAUSTED)
        pins = self.hooks.new_pins()
        if pins is not None:
            deployment = self.supervisor.deployment.with_pins(pins)
            self.coordinator.set_pins(deployment.problem, deployment.pins_version)
            self.supervisor.set_pins(deployment)
        return None

    def progress(self) -> Progress:
        return self.coordinator.progress(self.elapsed)

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.began

    def record(self, finished: Finished) -> Record:
        return record_of(
            self.progress().counters,
            self.coordinator.rounds,
            0.0,
            outcome=finished.outcome,
            message=finished.message,
            cochain=finished.cochain,
            trace_digest=None,
            pins=self.supervisor.deployment.problem.pins,
            maps=self.coordinator.maps,
            processes=self.supervisor.processes,
            recoveries=tuple(self.supervisor.recoveries),
            hosts=self.coordinator.reports.times(self.elapsed),
            rollbacks=self.coordinator.rollbacks,
        )
