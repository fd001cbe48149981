"""The coordinator: it receives reports and decides when a run on hosts has ended.

In a wave the coordinator asks every host once for a report and receives all reports. "Force" means
the part of −∇E that can move a vertex. A vertex "exploded" if its force or a map of it became NaN,
infinite or too large. The coordinator is in one of three phases::

    phase       next        condition
    ASKING,     CONFIRMING  a wave found every host idle, every vertex stationary and no batch left;
    DRAINING                or a vertex exploded; or the run has used up its budget of rounds; or
                            all hosts were idle for many waves, although a force is above the
                            tolerance
    ASKING      CONFIRMING  the end of the run is requested, and the rule does not learn from
                            batches
    ASKING      DRAINING    the end of the run is requested, and the rule learns from batches
    DRAINING    CONFIRMING  the batches in flight are finished, or the run has stalled for too long
    CONFIRMING  Finished    a wave whose reports have the stalks confirms the outcome. A stay run
                            that has converged gets Settled instead, and its phase is ASKING again
    CONFIRMING  previous    all hosts are rolled back; or convergence is not confirmed

Convergence is not confirmed in these cases:

- A host is not idle, a vertex is not stationary, or the (incarnation, sent, accepted) in the report
  of a host is not the same as in the previous wave.
- The cochain assembled from the reports is not stationary. The send threshold is then divided by
  ten, unless the hosts are frozen; if they are, they are unfrozen.
- The pins are replaced.

In DRAINING no host begins another batch. When the batches in flight are finished, all maps are
those after the same step.

Under a rule whose vertices take turns, some vertex always has a message to send, so that the hosts
do not become idle. As soon as every vertex is reported as stationary, the coordinator freezes all
hosts: their vertices stop stepping. The hosts then become idle, and the phases of the table follow.
If a vertex turns out not to be stationary, the hosts are unfrozen::

    every vertex stationary ──▶ SetFrozen(True) ──▶ idle ──▶ … ──▶ Finished or Settled
                                     └── idle, but not stationary ──▶ SetFrozen(False)

Two waves prove that a run has ended. Suppose that two successive waves find every host idle, with
an unchanged (incarnation, sent, accepted). Then no host sent or accepted a message between its two
reports, so that at the instant between the two waves all hosts were idle together. No message was
in flight at that instant, since all messages were acknowledged. Hence no vertex can move again.
This is the four-counter method of Mattern, "Algorithms for distributed termination detection",
1987, applied to each host. One wave is no proof: a host that has reported may still receive a frame
from a host that has not reported.
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
"""Largest number of failed checks of the forces on the assembled cochain.

After each failed check the send threshold is divided by ten, unless the hosts are frozen. If one
more check fails, the tolerance counts as too small for the precision of the floats, and the run
ends.
"""

DEAD_AFTER = 20
"""Number of successive waves without a change after which a run with idle hosts counts as dead.

A dead run cannot converge, since a force is above the tolerance and no vertex steps. After fewer
waves a command to a host could still be on its way, and the command could make vertices step again.
"""


GIVE_UP = 10.0
"""Draining is given up when a stall lasts this many times as long as the longest earlier stall.

A stall is the time in which successive waves find no change.
"""


class Phase(Enum):
    """The phase of a run; the docstring of this module has a table of the phases."""

    ASKING = "hosts are asked how things stand"
    DRAINING = "no batch begins any more"
    CONFIRMING = "the next wave brings the stalks along"


class Coordinator:
    """The coordinator of one run on hosts: it receives their reports and returns orders for them.

    Parameters
    ----------
    problem
        The problem that the hosts run.
    hosts
        Names of all hosts.
    send_threshold
        Send threshold of the vertices at the start, at least 0: the largest change of a projection
        that a vertex may withhold.
    run
        Name of the run; reports of another run are ignored.

    Attributes
    ----------
    reports
        Ledger of the reports of all hosts so far.
    failed_checks
        Number of times that all hosts were idle and every vertex was reported as stationary, but
        the cochain assembled from the reports was not stationary.
    waves
        Number of complete waves. A wave is complete when every host has answered it.
    settled
        Cochain to which a stay run has converged. None before convergence, and None again after a
        vertex has moved or the pins were replaced.
    snapshots
        Complete snapshots that ``take_snapshots`` has not returned yet, in the order of steps.
    latest
        Latest complete snapshot. At first the snapshot from which training is resumed, or None if
        training starts at step 0.
    rollbacks
        Number of times that all hosts went back to ``latest`` because a host had lost its maps.
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
        # The outcome that the next wave shall confirm, if any.
        self._outcome: Outcome | None = None
        # The outcome to confirm after draining; None while the end of the run is not requested.
        self._drain_outcome: Outcome | None = None
        # The outcome that the current wave confirms, if it collects the stalks.
        self._collecting: Outcome | None = None
        self._answers: dict[str, StatusReport] = {}
        self._before: dict[str, tuple[int, int, int]] | None = None

    def begin_wave(self) -> StatusRequest:
        """Begin a wave and return the request for all hosts.

        Reports of earlier waves are ignored afterwards.
        """
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
        """Request the end of the run.

        A stay run that has converged ends at once. Any other run ends after further waves, when
        ``receive`` returns a ``Finished``. Under a rule that learns from batches, the batches in
        flight are finished first. If a divergence has been found already, the run ends with
        DIVERGED instead of ``outcome``.

        Parameters
        ----------
        outcome
            The outcome to end with.

        Returns
        -------
        Finished or None
            A ``Finished`` with the outcome CONVERGED if a stay run has converged; None for any
            other run.
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
        """Replace the problem by a problem with other pins.

        The run cannot converge before every host has reported that it has pins of this version.

        Parameters
        ----------
        problem
            The problem with its new pins.
        version
            Version of these pins.
        """
        self._problem, self._pins_version = problem, version
        self._frozen = False  # a host that receives new pins unfreezes itself
        self.settled = None
        if self._outcome is Outcome.CONVERGED:
            self._outcome = None

    def roll_back(self, run: str) -> None:
        """Continue the run under another name, from the latest snapshot.

        The caller builds all hosts again, from this snapshot.

        Parameters
        ----------
        run
            The other name. Reports with the former name are ignored after this call.
        """
        self.rollbacks += 1
        step = self.latest.step if self.latest else 0
        LOGGER.info(
            "a host has lost its maps: all go back to step %d (rollback %d)", step, self.rollbacks
        )
        self._run = run
        self._answers = {}
        self._before = None
        self._stall.restart()
        # An outcome that was to be confirmed belonged to steps that are now repeated.
        self._outcome = self._collecting = None

    def receive(
        self, report: StatusReport, now: float
    ) -> Finished | Settled | SetThreshold | SetFrozen | None:
        """Store a report; if it completes the wave, return the command or decision that follows.

        Parameters
        ----------
        report
            The report of a host; ignored if it belongs to another wave or run.
        now
            Present time, in the unit of the runtime.

        Returns
        -------
        Finished, Settled, SetThreshold, SetFrozen or None
            Finished at the end of the run; Settled if a stay run has converged; SetThreshold or
            SetFrozen as a command for all hosts. None if the wave is not complete, or if nothing
            follows from it.
        """
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
        """The phase of the run. In CONFIRMING the caller should begin the next wave at once."""
        if self._outcome is not None:
            return Phase.CONFIRMING
        return Phase.ASKING if self._drain_outcome is None else Phase.DRAINING

    @property
    def rounds(self) -> int:
        """Number of rounds so far: accepted messages divided by twice the number of edges."""
        return self.reports.rounds

    def take_snapshots(self) -> list[Snapshot]:
        """Return the complete snapshots since the last call, in the order of steps."""
        snapshots, self.snapshots = self.snapshots, []
        return snapshots

    @property
    def maps(self) -> dict[str, RestrictionMap]:
        """Edge → the map at its tail, from the reports of this wave; empty if they have no maps."""
        return {edge: it for report in self._answers.values() for edge, it in report.maps.items()}

    def progress(self, time: float) -> Progress:
        """Return the progress of the run, from the latest reports of all hosts.

        Only reports with a view contribute discords, energies and counters.

        Parameters
        ----------
        time
            Present time, in the unit of the runtime.
        """
        return self.reports.progress(time, converged=self.settled is not None)

    def _judge(self) -> SetFrozen | None:
        """Set the outcome that the next wave shall confirm, if this wave leads to an outcome.

        Return a command to freeze or unfreeze all hosts; None if there is no command.
        """
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
        """Whether all hosts are idle, and ``DEAD_AFTER`` waves or more have found no change."""
        return self.all_idle() and self._stall.waves >= DEAD_AFTER

    @property
    def _drained(self) -> bool:
        """Whether the batches in flight are finished, or the run has stalled for too long.

        A stall is the time in which successive waves find no change. It is too long if at least
        ``DEAD_AFTER`` waves found no change, and if it is at least ``GIVE_UP`` times as long as the
        longest earlier stall of this run. Draining is then given up, since a host may be cut off.
        """
        if self.all_idle():
            return self._stall.waves >= 1
        return (
            self._stall.waves >= DEAD_AFTER
            and self._stall.duration >= GIVE_UP * self._stall.longest
        )

    def all_idle(self) -> bool:
        """Return whether every host that has answered this wave is idle."""
        return all(report.idle for report in self._answers.values())

    def all_stationary(self) -> bool:
        """Return whether every vertex is reported as stationary under the present pins.

        False while a batch is left, and always False under a rule that updates maps but does not
        learn from batches.
        """
        return self._problem.ends_when_stationary and all(
            report.pins_version == self._pins_version
            and max(report.stationarity.values()) <= self._problem.tolerance
            and not report.batches_left
            for report in self._answers.values()
        )

    def traffic(self) -> dict[str, tuple[int, int, int]]:
        """Return for each host (incarnation, sent, accepted) from its report in this wave."""
        return {name: (r.incarnation, r.sent, r.accepted) for name, r in self._answers.items()}

    def _finish(self, outcome: Outcome) -> Finished | Settled | SetThreshold | SetFrozen | None:
        """Return the command or decision that follows from a wave whose reports have the stalks.

        None if the wave does not confirm convergence and no command follows.
        """
        cochain = self._assembled()
        if outcome is not Outcome.CONVERGED:
            return Finished(outcome, self._message(outcome), cochain)
        if not (self.all_stationary() and self.all_idle()) or self.traffic() != self._before:
            self._outcome = None
            return self._judge()
        return self._check(cochain)

    def _check(self, cochain: Cochain) -> Finished | Settled | SetThreshold | SetFrozen:
        """Return the command or decision that follows from the forces on the assembled cochain.

        Under a rule that learns from batches the forces are not checked: training is finished, and
        the stalks are those of the last batch.
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
