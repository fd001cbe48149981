"""What the reports of all hosts amount to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sheafnet.dynamics.counters import Counters, sum_counters
from sheafnet.runtime.hosts.control import StatusReport
from sheafnet.runtime.record import HostTime, Progress


def survey(
    rounds: int,
    reports: Iterable[StatusReport],
    counters: Iterable[Counters],
    time: float,
    *,
    settled: bool,
) -> Progress:
    """Return the progress that the last reports of all hosts, with views, amount to.

    Parameters
    ----------
    rounds
        How many there were.
    reports
        One of each host.
    counters
        Of every incarnation of every host.
    time
        When.
    settled
        Whether the run stays and has converged.
    """
    reports = list(reports)
    views = [report.view for report in reports if report.view]
    return Progress(
        rounds=rounds,
        stationarity={v: s for report in reports for v, s in report.stationarity.items()},
        batches_left=max(report.batches_left for report in reports),
        discord={edge: value for view in views for edge, value in view.discord.items()},
        pin_discord={pin: value for view in views for pin, value in view.pin_discord.items()},
        energy=sum(view.energy for view in views),
        counters=sum_counters(counters),
        time=time,
        restarts={report.host: report.incarnation for report in reports},
        converged=settled,
        maps={edge: it for view in views for edge, it in view.maps.items()},
        edge_stats={edge: stats for view in views for edge, stats in view.edge_stats.items()},
    )


def times(reports: Sequence[StatusReport], elapsed: float) -> dict[str, HostTime]:
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
