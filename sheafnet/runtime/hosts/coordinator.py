"""The coordinator: decides when a run of hosts has ended. Pure: reports in, orders out.

It asks every host in waves, and is in one of three phases::

    phase       next        when
    ASKING,     CONFIRMING  a wave found every host idle and every vertex stationary, with no batch
    DRAINING                left; or a vertex exploded; or the budget is used up
    ASKING      CONFIRMING  the run is to end early
    ASKING      DRAINING    the run is to end early, and vertices learn in steps
    DRAINING    CONFIRMING  the batches in flight are done, or nothing has come of them for long
    CONFIRMING  Finished    the wave, which brought the stalks along, bears it out; Settled where
                            the run stays: it asks on, but for no stalks until the pins change
    CONFIRMING  back        a host is not idle, or its (incarnation, sent, accepted) has changed;
                            or the assembled cochain is not stationary: every vertex is to act on
                            a tenth of the send threshold; or other pins are set; or all hosts are
                            rolled back

While it drains no batch begins any more, and in the end all maps have taken the same steps.

Where vertices take turns somebody always has something to send. There all hosts are frozen as
soon as every vertex has reported that it is stationary, and what follows is the same; if it was
not so after all, they go on::

    every vertex stationary ──▶ SetFrozen(True) ──▶ idle ──▶ … ──▶ Finished or Settled
                                     └── idle, but not stationary ──▶ SetFrozen(False)

Between the end of one wave and the beginning of the next there is an instant at which every
host was idle, since none sent or accepted anything from before it until after it (the four
counters of Mattern, "Algorithms for distributed termination detection", 1987, host by host);
what was in flight had been acknowledged, so nothing can move again. One wave does not show
that: a host that has answered may receive a frame of one that has not.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from enum import Enum

import numpy as np

from sheafnet.core.arrays import Array
from sheafnet.core.cochain import Cochain
from sheafnet.core.energy import stationarity
from sheafnet.core.maps import RestrictionMap
from sheafnet.runtime.hosts.control import (
    Finished,
    SetFrozen,
    SetThreshold,
    Settled,
    StatusReport,
    StatusRequest,
)
from sheafnet.runtime.hosts.report_ledger import ReportLedger
from sheafnet.runtime.hosts.stall import StallDetector
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.progress import Progress
from sheafnet.runtime.snapshot import Snapshot, SnapshotAssembler
from sheafnet.runtime.stop import Outcome

LOGGER = logging.getLogger("sheafnet")
FINEST_THRESHOLD = 12
"""Divisions of the send threshold by ten before the tolerance counts as beyond the precision."""

DEAD_AFTER = 20
"""Equal waves after which a run counts as dead in which all hosts are idle and a force is left:
more than an order on its way can explain."""


GIVE_UP = 10.0
"""Times the longest stall of a run so far after which one more is not waited for."""


class Phase(Enum):
    """The phase of a run; see the table above."""

    ASKING = "hosts are asked how things stand"
    DRAINING = "no batch begins any more"
    CONFIRMING = "the next wave brings the stalks along"


class Coordinator:
    """Decides when a run ends.

    Parameters
    ----------
    problem
        What is run.
    hosts
        Names of all hosts.
    send_threshold
        Size of a change that vertices may leave unsaid at first.
    run
        Name of the run; reports of another do not count.

    Attributes
    ----------
    reports
        Those of all hosts so far.
    failed_checks
        How often hosts were idle but the assembled cochain was not stationary.
    waves
        How many waves every host has answered.
    settled
        What a run that stays has converged to, for as long as nothing has moved since.
    snapshots
        Every map after the same step, as they come together, until somebody takes them.
    latest
        The last of them; what training went on from, if it did not begin; else None.
    rollbacks
        How often training went on from there since a host had lost its maps.
    """

    def __init__(
        self, problem: Problem, hosts: Iterable[str], send_threshold: float, run: str
    ) -> None:
        self._run = run
        self.latest = problem.resumed
        self.rollbacks = 0
        self.reports = ReportLedger(len(problem.sheaf.edges))
        self.failed_checks = 0
        self.waves = 0
        self.settled: Cochain | None = None
        self.snapshots: list[Snapshot] = []
        self._assembler = SnapshotAssembler(edge.name for edge in problem.sheaf.edges)
        self._problem = problem
        self._pins_version = 0
        self._hosts = frozenset(hosts)
        self._send_threshold = send_threshold
        self._wave = 0
        self._frozen = False
        self._stall = StallDetector()
        self._now = 0.0
        # What to end with, after the next wave.
        self._outcome: Outcome | None = None
        # What to end with once all is drained.
        self._drain_outcome: Outcome | None = None
        # What the current wave collects the stalks for, if it does.
        self._collecting: Outcome | None = None
        self._answers: dict[str, StatusReport] = {}
        self._before: dict[str, tuple[int, int, int]] | None = None

    def begin_wave(self) -> StatusRequest:
        """Begin a wave; answers to earlier ones no longer count."""
        self._wave += 1
        self._answers = {}
        self._collecting = self._outcome
        return StatusRequest(
            self._wave,
            with_stalks=self.phase is Phase.CONFIRMING,
            known=self._assembler.step,
            drain=self._drain_outcome is not None,
        )

    def end(self, outcome: Outcome) -> Finished | None:
        """Have the run end with ``outcome``, as soon as may be.

        A run that has settled has converged, and is over at once. A divergence that has been
        seen already is not talked over.
        """
        if self.settled is not None:
            return Finished(Outcome.CONVERGED, Outcome.CONVERGED.value, self.settled)
        if self._outcome is Outcome.DIVERGED:
            return None
        if not self._problem.learns_in_steps:
            self._outcome = outcome
        elif self._drain_outcome is None:
            self._drain_outcome = outcome
            self._stall.restart()
        return None

    def set_pins(self, problem: Problem, version: int) -> None:
        """Take the problem with other pins; none may converge before every host has them."""
        self._problem, self._pins_version = problem, version
        self._frozen = False  # new pins unfreeze a host
        self.settled = None
        if self._outcome is Outcome.CONVERGED:
            self._outcome = None

    def roll_back(self, run: str) -> None:
        """Expect the hosts of another run, which go on from the last snapshot."""
        self.rollbacks += 1
        step = self.latest.step if self.latest else 0
        LOGGER.info(
            "a host has lost its maps: all go back to step %d (rollback %d)", step, self.rollbacks
        )
        self._run = run
        self._answers = {}
        self._before = None
        self._stall.restart()
        # Whatever it was about to end with was of steps that are taken again.
        self._outcome = self._collecting = None

    def receive(
        self, report: StatusReport, now: float
    ) -> Finished | Settled | SetThreshold | SetFrozen | None:
        """Take in a report, now; return what follows once a wave is complete."""
        if report.wave != self._wave or report.run != self._run:
            return None
        fresh = self._assembler.add(report.edge_states, now)
        self.latest = fresh[-1] if fresh else self.latest
        self.snapshots += fresh
        self.reports.add(report)
        self._answers[report.host] = report
        if not self.complete:
            return None
        self.waves += 1
        if self._collecting is not None:
            return self._finish(self._collecting)
        self._now = now
        return None if self.phase is Phase.CONFIRMING else self._judge()

    @property
    def complete(self) -> bool:
        """Whether every host has answered the current wave."""
        return self._answers.keys() == self._hosts

    @property
    def phase(self) -> Phase:
        """The phase of the run. A wave that confirms should follow at once: it may be the last."""
        if self._outcome is not None:
            return Phase.CONFIRMING
        return Phase.ASKING if self._drain_outcome is None else Phase.DRAINING

    @property
    def rounds(self) -> int:
        """Messages kept by all vertices, in units of one each way on every edge."""
        return self.reports.rounds

    def take_snapshots(self) -> list[Snapshot]:
        """Return the snapshots that nobody has taken yet, in order, and keep them no longer."""
        snapshots, self.snapshots = self.snapshots, []
        return snapshots

    @property
    def maps(self) -> dict[str, RestrictionMap]:
        """Edge → the map at its tail, as reported with the stalks by vertices that learn."""
        return {edge: it for report in self._answers.values() for edge, it in report.maps.items()}

    def progress(self, time: float) -> Progress:
        """Return how far the run has come by now; the reports must hold views."""
        return self.reports.progress(time, converged=self.settled is not None)

    def _judge(self) -> SetFrozen | None:
        """Decide whether, and for what, the next wave collects the stalks."""
        self._before = None
        stationary, idle = self.all_stationary(), self.all_idle()
        if any(report.exploded for report in self._answers.values()):
            self._outcome = Outcome.DIVERGED
        elif stationary and idle:
            if self.settled is None:
                self._outcome = Outcome.CONVERGED
                self._before = self.traffic()
            return None
        self.settled = None
        self._stall.observe((idle, self.traffic()), self._now)
        if self.phase is not Phase.CONFIRMING:
            if self.rounds >= self._problem.stop.max_rounds or self._dead:
                self._outcome = Outcome.BUDGET_EXHAUSTED
            elif self.phase is Phase.DRAINING and self._drained:
                self._outcome = self._drain_outcome
        if self._frozen and idle:
            return self._set_frozen(False)
        if stationary and self._problem.rule.takes_turns and not self._frozen:
            return self._set_frozen(True)
        return None

    def _set_frozen(self, frozen: bool) -> SetFrozen:
        self._frozen = frozen
        return SetFrozen(frozen)

    @property
    def _dead(self) -> bool:
        """Whether all hosts have been idle for too long, with a force left."""
        return self.all_idle() and self._stall.waves >= DEAD_AFTER

    @property
    def _drained(self) -> bool:
        """Whether no batch is in flight any more, or nothing has come of it for too long.

        That is, far longer than it has ever taken in this run: a host may be cut off.
        """
        if self.all_idle():
            return self._stall.waves >= 1
        return (
            self._stall.waves >= DEAD_AFTER
            and self._stall.duration >= GIVE_UP * self._stall.longest
        )

    def all_idle(self) -> bool:
        """Return whether every host that has answered is idle."""
        return all(report.idle for report in self._answers.values())

    def all_stationary(self) -> bool:
        """Return whether every vertex was stationary under these pins when its host answered."""
        return self._problem.ends_when_stationary and all(
            report.pins_version == self._pins_version
            and max(report.stationarity.values()) <= self._problem.tolerance
            and not report.batches_left
            for report in self._answers.values()
        )

    def traffic(self) -> dict[str, tuple[int, int, int]]:
        """Return host → (incarnation, sent, accepted), as answered."""
        return {name: (r.incarnation, r.sent, r.accepted) for name, r in self._answers.items()}

    def _finish(self, outcome: Outcome) -> Finished | Settled | SetThreshold | SetFrozen | None:
        cochain = self._assembled()
        if outcome is not Outcome.CONVERGED:
            return Finished(outcome, self._message(outcome), cochain)
        if not (self.all_stationary() and self.all_idle()) or self.traffic() != self._before:
            self._outcome = None
            return self._judge()
        return self._check(cochain)

    def _check(self, cochain: Cochain) -> Finished | Settled | SetThreshold | SetFrozen:
        """Return what follows once all is silent, by the forces on the assembled cochain.

        Where training in steps is over it is over: its stalks are those of the last batch.
        """
        if self._problem.learns_in_steps:
            return Finished(Outcome.CONVERGED, Outcome.CONVERGED.value, cochain)
        with np.errstate(over="ignore", invalid="ignore"):
            forces = stationarity(self._problem.sheaf, cochain, self._problem.pins)
        if max(forces.values()) <= self._problem.stop_tolerance:
            if not self._problem.stop.stay:
                return Finished(Outcome.CONVERGED, Outcome.CONVERGED.value, cochain)
            self.settled = cochain
            self._outcome = None
            return Settled(cochain)
        self.failed_checks += 1
        if self.failed_checks > FINEST_THRESHOLD:
            message = _beyond_precision(max(forces.values()))
            return Finished(Outcome.BUDGET_EXHAUSTED, message, cochain)
        self._outcome = None
        if self._frozen:
            return self._set_frozen(False)
        self._send_threshold /= 10.0
        return SetThreshold(self._send_threshold)

    def _message(self, outcome: Outcome) -> str:
        for report in self._answers.values():
            if outcome is Outcome.DIVERGED and report.exploded:
                return self._problem.divergence(report.exploded)
        if outcome is Outcome.BUDGET_EXHAUSTED and self._dead and not self._problem.learns_in_steps:
            forces = [max(report.stationarity.values()) for report in self._answers.values()]
            return _beyond_precision(max(forces))
        return outcome.value

    def _assembled(self) -> Cochain:
        stalks: dict[str, Array] = {}
        for report in self._answers.values():
            stalks.update(report.stalks or {})
        return Cochain({vertex: stalks[vertex] for vertex in self._problem.sheaf.vertices})


def _beyond_precision(force: float) -> str:
    return (
        f"all hosts are idle, but the force is {force:.3g} and no finer message changes it: "
        "the tolerance is beyond the precision; ask for less"
    )
