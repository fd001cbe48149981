"""A simulated run of hosts, links and a coordinator, as events in order of virtual time.

The link between two hosts delays, loses and duplicates frames. Control messages between the hosts
and the coordinator are delayed but never lost. They represent remote calls that are repeated until
they succeed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from sheafnet.core.arrays import Array
from sheafnet.core.stalkpins import Pins
from sheafnet.dynamics.counters import sum_counters
from sheafnet.errors import InputError
from sheafnet.runtime.hosts.control import (
    Finished,
    SetFrozen,
    SetThreshold,
    Settled,
    StatusReport,
    StatusRequest,
)
from sheafnet.runtime.hosts.coordinator import Coordinator, Phase
from sheafnet.runtime.hosts.deployment import Deployment
from sheafnet.runtime.hosts.host import Host
from sheafnet.runtime.hosts.report_ledger import progress_of
from sheafnet.runtime.interface import RunHooks
from sheafnet.runtime.progress import Progress
from sheafnet.runtime.random_streams import stream
from sheafnet.runtime.run_record import Record, record_of
from sheafnet.runtime.simulator.channel import Channel
from sheafnet.runtime.simulator.host_time import ComputeTimer, Timesheet
from sheafnet.runtime.simulator.kernel import Kernel, Priority
from sheafnet.runtime.simulator.link import Link, endless
from sheafnet.runtime.simulator.settings import SimulatorSettings
from sheafnet.runtime.simulator.trace import EventKind, Trace
from sheafnet.runtime.stop import Outcome
from sheafnet.wire.codec import fingerprint

CONTROL = "coordinator"


class Simulation:
    """One simulated run: its hosts, links, coordinator and event queue, and the code that runs it.

    Parameters
    ----------
    settings
        Settings of the simulated network and its faults.
    deployment
        The problem and the placement of its vertices on hosts.
    trace
        Trace to which every event is added.

    Attributes
    ----------
    hosts
        Name → host, for the hosts that are not down.
    coordinator
        The coordinator. It decides when the run ends.
    kernel
        The event queue; ``kernel.now`` is the present virtual time.
    incarnations
        Name → number of times that the host has been restarted.
    settings
        Settings of the simulated network and its faults.
    scheduled
        Hosts for which a step is scheduled.
    timers
        Host → virtual time at which it must send an unacknowledged frame again. Only hosts for
        which this event is scheduled are listed.
    deployment
        The problem with its current pins, the snapshot of the latest rollback (if there was one),
        and the placement.
    trace
        Trace to which every event is added.
    """

    def __init__(self, settings: SimulatorSettings, deployment: Deployment, trace: Trace) -> None:
        ties = stream(settings.seed, "ties")
        self.kernel = Kernel(endless(None, ties) if settings.shuffle_ties else None)
        self.hosts: dict[str, Host] = deployment.hosts()
        self.settings = settings
        self.deployment = deployment
        self.trace = trace
        self._send_threshold = deployment.send_threshold
        self.coordinator = Coordinator(
            deployment.problem, self.hosts, deployment.send_threshold, deployment.run
        )
        self._links: dict[tuple[str, str], Link] = {}
        self._finished: Finished | None = None
        self._crashed: list[Host] = []
        self.incarnations = dict.fromkeys(self.hosts, 0)
        self._sheets = {name: Timesheet() for name in self.hosts}
        self._compute_timers = {
            name: ComputeTimer(
                settings.seed, name, settings.compute_time, settings.slow.get(name, 1.0)
            )
            for name in self.hosts
        }
        self.scheduled: set[Host] = set()
        self.timers: dict[Host, float] = {}
        for host in self.hosts.values():
            self._schedule_step(host)
        for restart in settings.restarts:
            self.kernel.at(restart.at, Priority.FAULT, self._crash, (restart.host, restart.down))
        for pause in settings.pauses:
            self.kernel.at(pause.at, Priority.FAULT, self._pause, (pause.host, pause.lasts))

    def run(self, hooks: RunHooks) -> Record:
        """Execute events until the run has ended, and return the record of the run.

        Parameters
        ----------
        hooks
            Hooks that are called after every wave (a wave: every host is asked once and answers).
        """
        self.kernel.at(self.settings.report_interval, Priority.CONTROL, self._wave)
        stop = self.deployment.problem.stop
        completed = 0
        # In a diverging run values overflow before the host detects and reports the divergence.
        with np.errstate(over="ignore", invalid="ignore"):
            while self._finished is None:
                self.kernel.advance()
                if stop.max_time is not None and self.kernel.now >= stop.max_time:
                    self._end(Outcome.BUDGET_EXHAUSTED)
                elif self.coordinator.waves > completed:
                    completed = self.coordinator.waves
                    self._poll(hooks)
        for snapshot in self.coordinator.take_snapshots():
            hooks.on_snapshot(snapshot)
        return self._record(self._finished)

    def advance_to(self, time: float) -> None:
        """Execute every event up to and including virtual time ``time``.

        If ``run`` is not called, no wave is scheduled, and the coordinator does nothing.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            self.kernel.advance_to(time)

    def disturb(self, vertex: str, change: Array) -> None:
        """Add a change to a stalk at the present virtual time, and execute a step of its host.

        If a step or pause of the host is in progress, it ends at this time.

        Parameters
        ----------
        vertex
            Name of the vertex.
        change
            Array that is added to the stalk, of shape ``(dim, batch)``.

        Raises
        ------
        InputError
            If the host of the vertex is down.
        """
        name = self.deployment.host_of[vertex]
        host = self.hosts.get(name)
        if host is None:
            raise InputError(f"push of {vertex!r}: its host {name!r} is down at {self.kernel.now}")
        host.disturb(vertex, change)
        self.trace.note(self.kernel.now, EventKind.PUSH, name, 0)
        self._sheets[name].drop(self.kernel.now)
        self.step_host(host)

    def progress(self) -> Progress:
        """Return the progress of the run, computed from reports of all hosts that are up."""
        return progress_of(
            [host.report(StatusRequest(0), with_view=True) for host in self.hosts.values()],
            [host.counters() for host in self.every_incarnation()],
            rounds=self.coordinator.rounds,
            time=self.kernel.now,
            converged=self.coordinator.settled is not None,
        )

    def _poll(self, hooks: RunHooks) -> None:
        """Call the hooks; end the run or replace the pins if the hooks request it."""
        settled = self.coordinator.settled
        if settled is not None:
            # The stalks of a settled run do not change. Therefore no event is executed until there
            # are new pins or a request to stop.
            outcome = Outcome.CONVERGED
            hooks.on_settled(self._record(Finished(outcome, outcome.value, settled)))
            hooks.wait_for_change()
        for snapshot in self.coordinator.take_snapshots():
            hooks.on_snapshot(snapshot)
        hooks.on_round(self.coordinator.rounds, self.progress)
        if hooks.stopping:
            self._end(Outcome.STOPPED)
            return
        pins = hooks.new_pins()
        if pins is not None:
            self._set_pins(pins)

    def _end(self, outcome: Outcome) -> None:
        """End the run with ``outcome``, unless it has ended already.

        A stay run that has converged ends at once. Any other run ends after further waves.
        """
        self._finished = self._finished or self.coordinator.end(outcome)

    def _set_pins(self, pins: Pins) -> None:
        self.deployment = self.deployment.with_pins(pins)
        self.coordinator.set_pins(self.deployment.problem, self.deployment.pins_version)
        for name in self.incarnations:
            self._order(name, partial(Host.set_pins, order=self.deployment.pins_order(name)))

    def _order(self, name: str, order: Callable[[Host], None]) -> None:
        """Schedule the arrival of a command at a host. A host that is down loses the command."""

        def arrive() -> None:
            host = self.hosts.get(name)
            if host is not None:
                order(host)
                self._schedule_step(host)

        self.kernel.at(self._control(CONTROL, name), Priority.CONTROL, arrive)

    # Hosts and frames.

    def _schedule(self, host: Host) -> None:
        if host.runnable:
            self._schedule_step(host)
        else:
            self._schedule_timer(host)

    def _schedule_step(self, host: Host) -> None:
        if host not in self.scheduled:
            self.scheduled.add(host)
            self.kernel.at(self._sheets[host.name].free_at, Priority.STEP, self.step_host, (host,))

    def step_host(self, host: Host) -> None:
        """Execute a step of a host, or schedule it if the host is busy or paused.

        If the host has crashed since the step was scheduled, nothing happens.
        """
        self.scheduled.discard(host)
        if self.hosts.get(host.name) is not host:
            return  # The host has crashed since the step was scheduled.
        kernel, name = self.kernel, host.name
        if self._sheets[name].free_at > kernel.now:
            self._schedule_step(host)  # The host was paused after the step was scheduled.
            return
        updates_before, elements_before = host.updates, host.elements
        frames = host.step(kernel.now)
        updates = host.updates - updates_before
        self.trace.note(kernel.now, EventKind.STEP, name, updates)
        for receiver, data in frames:
            self._send(name, receiver, data)
        takes = self._compute_timers[name].takes(updates, host.elements - elements_before)
        self._sheets[name].busy(kernel.now, takes)
        self._schedule(host)

    def _send(self, sender: str, receiver: str, data: bytes) -> None:
        now, checksum = self.kernel.now, fingerprint(data)
        for delay in self._link(sender, receiver).fate(now, len(data)):
            self.trace.send(now, sender, receiver, len(data), checksum, delay)
            if delay is not None:
                self.kernel.at(now + delay, Priority.ARRIVAL, self._arrive, (receiver, data))

    def _arrive(self, receiver: str, data: bytes) -> None:
        host = self.hosts.get(receiver)
        if host is None:
            return  # The host is down.
        host.receive(data, self.kernel.now)
        if host not in self.scheduled:
            self._schedule(host)

    def _schedule_timer(self, host: Host) -> None:
        """Schedule the step in which a host with nothing else to do must send a frame again.

        A host that is going to step anyway needs no timer: each step sends overdue frames again.
        """
        due = host.due
        if due is not None and due < self.timers.get(host, math.inf):
            self.timers[host] = due
            self.kernel.at(due, Priority.STEP, self._timer, (host, due))

    def _timer(self, host: Host, set_for: float) -> None:
        if self.timers.get(host) != set_for:
            return  # The timer has since been set to an earlier time.
        del self.timers[host]
        if self.hosts.get(host.name) is host and host not in self.scheduled:
            due = host.due
            if due is not None and due <= self.kernel.now:
                self.step_host(host)
            else:
                self._schedule_timer(host)

    def _pause(self, name: str, lasts: float) -> None:
        self.trace.note(self.kernel.now, EventKind.PAUSE, name, self.incarnations[name])
        self._sheets[name].pause(self.kernel.now, lasts)

    def _crash(self, name: str, down: float) -> None:
        host = self.hosts.pop(name, None)
        if host is None:
            return  # The host is down already.
        self.trace.note(self.kernel.now, EventKind.CRASH, name, self.incarnations[name])
        self._crashed.append(host)
        self._sheets[name].crash(self.kernel.now)
        self.kernel.at(self.kernel.now + down, Priority.FAULT, self._restart, (name,))

    def _restart(self, name: str) -> None:
        self.incarnations[name] += 1
        self._sheets[name].restart(self.kernel.now)
        if self.deployment.problem.learns_in_steps:
            self._roll_back()
        self._start_host(name)

    def _start_host(self, name: str) -> None:
        """Build the current incarnation of a host and schedule its first step."""
        self.trace.note(self.kernel.now, EventKind.START, name, self.incarnations[name])
        host = self.hosts[name] = self.deployment.host_spec(
            name, self.incarnations[name], self._send_threshold
        ).build()
        self._schedule_step(host)

    def _roll_back(self) -> None:
        """Order every host that is up to begin again from the last snapshot, as a new run."""
        self.deployment = self.deployment.resumed(self.coordinator.latest)
        self.coordinator.roll_back(self.deployment.run)
        for name in self.hosts:
            arrives = self._control(CONTROL, name)
            self.kernel.at(arrives, Priority.CONTROL, self._replace, (name, self.deployment.run))
        # The answers to the current wave are discarded, so this wave is never complete. A new wave
        # is scheduled instead.
        wait = self.settings.report_interval
        self.kernel.at(self.kernel.now + wait, Priority.CONTROL, self._wave)

    def _replace(self, name: str, run: str) -> None:
        """Replace a host by a new one for ``run``, the name of the run after a rollback.

        If the host is down, or if a later rollback has been ordered, do nothing.
        """
        if name in self.hosts and run == self.deployment.run:
            self._crashed.append(self.hosts[name])
            self._start_host(name)

    def _link(self, sender: str, receiver: str) -> Link:
        link = self._links.get((sender, receiver))
        if link is None:
            settings = self.settings
            channel = settings.channel(sender, receiver)
            if CONTROL in (sender, receiver):
                channel = Channel(settings.report_latency or settings.latency)
            partitions = [it for it in settings.partitions if it.separates(sender, receiver)]
            link = Link(settings.seed, sender, receiver, channel, partitions)
            self._links[sender, receiver] = link
        return link

    # The coordinator.

    def _control(self, sender: str, receiver: str) -> float:
        """Return the virtual time at which a message between the coordinator and a host arrives."""
        return self.kernel.now + self._link(sender, receiver).delay()

    def _wave(self) -> None:
        """Begin a wave: schedule the arrival of a status request at every host."""
        request = self.coordinator.begin_wave()
        for name in self.incarnations:
            self.kernel.at(
                self._control(CONTROL, name), Priority.CONTROL, self._answer, (name, request)
            )

    def _answer(self, name: str, request: StatusRequest) -> None:
        host = self.hosts.get(name)
        if host is None:
            self.kernel.at(
                self.kernel.now + self.settings.report_interval,
                Priority.CONTROL,
                self._answer,
                (name, request),
            )
            return
        host.obey(request)
        report = host.report(request)
        self.kernel.at(
            self._control(name, CONTROL), Priority.CONTROL, self._receive_report, (report,)
        )

    def _receive_report(self, report: StatusReport) -> None:
        match self.coordinator.receive(report, self.kernel.now):
            case Finished() as finished:
                self.trace.note(self.kernel.now, EventKind.FINISH, finished.outcome.name, 0)
                self._finished = finished
                return
            case SetThreshold(threshold):
                self._send_threshold = threshold
                for name in self.incarnations:
                    self._order(name, partial(Host.set_threshold, threshold=threshold))
            case SetFrozen(frozen):
                for name in self.incarnations:
                    self._order(name, partial(Host.set_frozen, frozen=frozen))
            case Settled() | None:
                pass
        if self.coordinator.complete:
            # A wave that confirms the end and collects the stalks begins at once.
            confirming = self.coordinator.phase is Phase.CONFIRMING
            wait = 0.0 if confirming else self.settings.report_interval
            self.kernel.at(self.kernel.now + wait, Priority.CONTROL, self._wave)

    # The end.

    def every_incarnation(self) -> list[Host]:
        """Return the hosts that are up and all that have crashed or were replaced in a rollback."""
        return [*self._crashed, *self.hosts.values()]

    def _record(self, finished: Finished) -> Record:
        return record_of(
            sum_counters(host.counters() for host in self.every_incarnation()),
            self.coordinator.rounds,
            self.kernel.now,
            outcome=finished.outcome,
            message=finished.message,
            cochain=finished.cochain,
            hosts={name: sheet.total(self.kernel.now) for name, sheet in self._sheets.items()},
            rollbacks=self.coordinator.rollbacks,
            trace_digest=self.trace.digest(
                *(finished.cochain[vertex].tobytes() for vertex in finished.cochain),
                *(learned.contents() for learned in self.coordinator.maps.values()),
            ),
            pins=self.deployment.problem.pins,
            maps=self.coordinator.maps,
        )
