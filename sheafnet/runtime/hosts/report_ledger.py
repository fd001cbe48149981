"""The ledger of reports: the latest report of every host, and sums over all reports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sheafnet.dynamics.counters import Counters
from sheafnet.runtime.hosts.control import StatusReport
from sheafnet.runtime.progress import Progress
from sheafnet.runtime.run_record import HostTime


class ReportLedger:
    """A store of the latest report of every incarnation of every host.

    Parameters
    ----------
    edges
        Number of edges of the sheaf.
    """

    def __init__(self, edges: int) -> None:
        self._edges = edges
        self._latest: dict[str, StatusReport] = {}
        self._past: list[StatusReport] = []

    def add(self, report: StatusReport) -> None:
        """Add a report, in place of an earlier report of the same incarnation of the host.

        Parameters
        ----------
        report
            The latest report of a host.
        """
        before = self._latest.get(report.host)
        if before is not None and before.incarnation_id != report.incarnation_id:
            self._past.append(before)
        self._latest[report.host] = report

    @property
    def _all(self) -> list[StatusReport]:
        """The latest report of every incarnation of every host."""
        return [*self._past, *self._latest.values()]

    @property
    def rounds(self) -> int:
        """Number of rounds so far: accepted messages divided by twice the number of edges."""
        messages = 0
        for report in self._all:
            messages += report.messages
        return messages // max(2 * self._edges, 1)

    def progress(self, time: float, *, converged: bool) -> Progress:
        """Return the progress of the run, from the latest reports of all hosts.

        Only reports with a view contribute discords, energies and counters.

        Parameters
        ----------
        time
            Present time, in the unit of the runtime.
        converged
            Whether a stay run has converged under its present pins.
        """
        return progress_of(
            self._latest.values(),
            [report.view.counters for report in self._all if report.view],
            rounds=self.rounds,
            time=time,
            converged=converged,
        )

    def times(self, elapsed: float) -> dict[str, HostTime]:
        """Return for each host the seconds for which it was busy, waiting and away.

        Parameters
        ----------
        elapsed
            Seconds since the start of the run.
        """
        return _times(self._all, elapsed)


def progress_of(
    reports: Iterable[StatusReport],
    counters: Iterable[Counters],
    *,
    rounds: int,
    time: float,
    converged: bool,
) -> Progress:
    """Return the progress of a run, from the latest reports of its hosts.

    Parameters
    ----------
    reports
        The latest reports, one for each host. A report without a view contributes no discords and
        no energy.
    counters
        Counters of every incarnation of every host.
    rounds, time, converged
        The fields of ``sn.Progress`` of the same names.
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
    """Return for each host the seconds for which it was busy, waiting and away.

    Parameters
    ----------
    reports
        The latest report of each incarnation, with its ``busy`` and ``uptime``.
    elapsed
        Seconds since the start of the run. The time away of a host is ``elapsed`` minus the uptimes
        of its incarnations.
    """
    found = {}
    for name in dict.fromkeys(report.host for report in reports):
        incarnations = [report for report in reports if report.host == name]
        busy, there = sum(it.busy for it in incarnations), sum(it.uptime for it in incarnations)
        found[name] = HostTime(busy, max(there - busy, 0.0), max(elapsed - there, 0.0))
    return found
