"""The tables and lines that are printed at the end of a run or a training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rich.table import Table

from sheafnet.cli.printing import show
from sheafnet.config.builders.job import InferJob, TrainJob
from sheafnet.runtime.jobs.results import Fit, Solution
from sheafnet.runtime.run_record import HostTime, Record, Stats
from sheafnet.runtime.simulator.light_cone import LightCone

MOST_EVALUATIONS = 12
"""Approximate number of evaluations that are printed; the event log has all evaluations."""


def show_solution(job: InferJob, solution: Solution, result: dict[str, Any]) -> None:
    """Print the discord of every edge and soft pin, and then the outcome and costs of a run.

    Parameters
    ----------
    job
        The job that was run.
    solution
        The solution of the run.
    result
        The contents of ``result.json``, as ``sheafnet.cli.result_json.summary`` returns them.
    """
    stats = solution.stats
    discord = Table("edge", "tail → head", "discord")
    for edge in job.sheaf.edges:
        discord.add_row(
            edge.name, f"{edge.tail} → {edge.head}", f"{solution.discord[edge.name]:.3e}"
        )
    for vertex, stalk in solution.pins.items():
        for spring in stalk.springs:
            discord.add_row(spring.name, vertex, f"{solution.pin_discord[spring.name]:.3e}")
    lines = [
        solution.message,
        f"{stats.rounds:,} rounds, {stats.updates:,} updates, {stats.messages:,} messages, "
        f"{stats.wall_time:.2f} s",
        f"energy {solution.energy:.3e}, stationarity {solution.stationarity:.3e}",
    ]
    if job.network is not None:
        deviation = _number(result["max_deviation_from_forward"], ".3e")
        lines.append(f"largest deviation from the forward pass {deviation}")
    if stats.frames:
        lines.append(f"{_wire(stats)}, worst staleness {stats.max_staleness:,} updates")
    resting = sum(solution.kinks.values())
    if resting:
        lines.append(f"{resting:,} units are settled on a kink")
    if result["error_bound"] is not None:
        lines.append(f"distance to the minimum at most {result['error_bound']:.3e} (‖∇E‖/λ1)")
    if "accuracy" in result:
        lines.append(
            f"accuracy {_number(result['accuracy'], '.4f')} "
            f"(forward pass {_number(result['accuracy_of_forward'], '.4f')})"
        )
    show(discord, *lines)


def show_costs(record: Record) -> None:
    """Print messages and bytes on each edge, and how long each host was busy, waiting and away.

    A host is waiting when it has nothing to do, and away when it is down or paused.

    Parameters
    ----------
    record
        The record of the run. Its times are in seconds on a cluster, else in virtual time.
    """
    edges = Table("edge", "accepted", "sent", "bytes")
    for edge, cost in record.edges.items():
        edges.add_row(edge, *(f"{number:,}" for number in cost))
    tables = [edges]
    if record.hosts:
        hosts = Table("host", "busy", "waiting", "away")
        for host, times in record.hosts.items():
            hosts.add_row(host, *(f"{time:,.1f}" for time in times))
        tables.append(hosts)
    show(*tables)


def show_light_cone(cone: LightCone) -> None:
    """Print for each vertex the earliest possible and the actual time of its first change.

    Parameters
    ----------
    cone
        The light cone of a push.
    """
    push = cone.push
    table = Table("vertex", "edges away", "earliest", "frames", "first change")
    for vertex, it in cone.arrivals.items():
        table.add_row(
            vertex,
            "no path" if it.distance is None else str(it.distance),
            f"{it.earliest:,.2f}" if math.isfinite(it.earliest) else "never",
            str(it.frames),
            "never" if it.changed is None else f"{it.changed:,.2f}",
        )
    what = f"{push.vertex}[{push.coordinate}] pushed by {push.by} at {push.at:,.2f}"
    broken = ", ".join(cone.violations)
    verdict = (
        f"{broken} changed before a frame could reach it"
        if broken
        else "no vertex changed before a frame could reach it"
    )
    show(table, f"{what}: {verdict}")


def _number(value: float | None, form: str) -> str:
    return "not finite" if value is None else format(value, form)


def show_fit(job: TrainJob, fit: Fit) -> None:
    """Print losses by step, the last diagnostics of each edge, and the costs of a training.

    Parameters
    ----------
    job
        The job that was run.
    fit
        The result of the training.
    """
    classes = job.network.output != "identity"
    table = Table("step", "train loss", "test loss")
    if classes:
        table.add_column("accuracy")
        table.add_column("on test")
    evaluations = len(fit.history)
    stride = -(-evaluations // MOST_EVALUATIONS)
    for index, it in enumerate(fit.history):
        if index % stride and index != evaluations - 1 and it is not fit.evaluation:
            continue
        kept = " *" if it is fit.evaluation and index != evaluations - 1 else ""
        row = [f"{it.step:,}{kept}", f"{it.train.loss:.4g}", _figure(it.test_loss, ".4g")]
        if classes:
            on_test = None if it.test is None else it.test.accuracy
            row += [_figure(it.train.accuracy, ".4f"), _figure(on_test, ".4f")]
        table.add_row(*row)
    stats, last = fit.stats, fit.evaluation
    edges = Table("edge", "discord", "tension", "last step")
    for edge, discord in last.discord.items():
        tension, step = last.tension.get(edge), last.step_norm.get(edge)
        edges.add_row(edge, f"{discord:.3e}", _figure(tension, ".3e"), _figure(step, ".3e"))
    inactive = sum(last.train.inactive.values())
    lines = [
        fit.diverged or ("stopped before its time" if fit.stopped else "trained"),
        *(
            [f"* the network that was kept, of step {last.step:,}"]
            if last is not fit.history[-1]
            else []
        ),
        f"{stats.rounds:,} rounds, {stats.updates:,} updates, {stats.messages:,} messages, "
        f"{stats.wall_time:.2f} s",
    ]
    if stats.frames:
        lines.append(_wire(stats))
    if fit.record.rollbacks:
        lines.append(f"all hosts went back to the last snapshot: {fit.record.rollbacks:,}")
    if fit.record.hosts:
        lines.append(waited_for(fit.record.hosts))
    if inactive:
        lines.append(f"{inactive:,} hidden units are inactive for all samples")
    show(table, edges, *lines)


def _wire(stats: Stats) -> str:
    """Return a text with the numbers of frames and bytes, and with the virtual time if not 0."""
    sent = f"{stats.frames:,} frames, {stats.bytes:,} bytes"
    return f"virtual time {stats.virtual_time:,.0f}, {sent}" if stats.virtual_time else sent


def waited_for(hosts: Mapping[str, HostTime]) -> str:
    """Return a text with the host of highest load, and the mean load of the other hosts.

    The load is the busy time divided by the sum of busy and waiting time.

    Parameters
    ----------
    hosts
        Host → its times; at least one host.
    """
    slowest = max(hosts, key=lambda host: hosts[host].load)
    others = [time.load for host, time in hosts.items() if host != slowest]
    busiest = f"{slowest} was busy {hosts[slowest].load:.0%} of its time"
    if not others:
        return busiest
    load = sum(others) / len(others)
    return f"{busiest}, the others {load:.0%}: they waited for it, and for the wire"


def _figure(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
