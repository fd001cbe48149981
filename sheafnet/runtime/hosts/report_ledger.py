"""The ledger of reports: the latest of every host, and what all of them amount to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sheafnet.dynamics.counters import Counters
from sheafnet.runtime.hosts.control import StatusReport
from sheafnet.runtime.progress import Progress
from sheafnet.runtime.run_record import HostTime


class ReportLedger:
    """Keeps the reports of hosts, those of earlier incarnations apart.

    Parameters
    ----------
    edges
        How many edges the sheaf has.
    """

    def __init__(self, edges: int) -> None:
        self._edges = edges
        self._latest: dict[str, StatusReport] = {}
        self._past: list[StatusReport] = []

    def add(self, report: StatusReport) -> None:
        """Take a report in place of an earlier one of the same incarnation."""
        before = self._latest.get(report.host)
        if before is not None and before.incarnation_id != report.incarnation_id:
            self._past.append(before)
        self._latest[report.host] = report

    @property
    def _all(self) -> list[StatusReport]:
        """The last report of every incarnation."""
        return [*self._past, *self._latest.values()]

    @property
    def rounds(self) -> int:
        """Messages kept by all vertices so far, in units of one each way on every edge."""
        messages = 0
        for report in self._all:
            messages += report.messages
        return messages // max(2 * self._edges, 1)

    def progress(self, time: float, *, converged: bool) -> Progress:
        """Return how far the run has come by now; the reports must hold views."""
        return progress_of(
            self._latest.values(),
            [report.view.counters for report in self._all if report.view],
            rounds=self.rounds,
            time=time,
            converged=converged,
        )

    def times(self, elapsed: float) -> dict[str, HostTime]:
        """Return host → what it did with its time, of so many seconds in all."""
        return _times(self._all, elapsed)


def progress_of(
    reports: Iterable[StatusReport],
    counters: Iterable[Counters],
    *,
    rounds: int,
    time: float,
    converged: bool,
) -> Progress:
    """Return the progress that the last reports of all hosts, with views, amount to.

    Parameters
    ----------
    reports
        One of each host.
    counters
        Of every incarnation of every host.
    rounds, time, converged
        See ``Progress``.
    """
    reports = list(reports)
    return Progress.of(
        [report.view for report in reports if report.view],
        counters,
        rounds=rounds,
        stationarity={v: s for report in reports for v, s in report.stationarity.items()},
        batches_left=max((report.batches_left for report in reports), default=0),
        time=time,
        restarts={report.host: report.incarnation for report in reports},
        converged=converged,
    )


def _times(reports: Sequence[StatusReport], elapsed: float) -> dict[str, HostTime]:
    """Return host → what it did with its time, from the last report of each incarnation.

    Parameters
    ----------
    reports
        With the seconds that each incarnation has been busy, and has lasted.
    elapsed
        Seconds in all; in those that no incarnation accounts for, a host was away.
    """
    found = {}
    for name in dict.fromkeys(report.host for report in reports):
        incarnations = [report for report in reports if report.host == name]
        busy, there = sum(it.busy for it in incarnations), sum(it.uptime for it in incarnations)
        found[name] = HostTime(busy, max(there - busy, 0.0), max(elapsed - there, 0.0))
    return found
