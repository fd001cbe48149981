"""``sheafnet run``."""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from sheafnet.cli import NOT_CONVERGED
from sheafnet.cli.options import config_argument, override_option
from sheafnet.cli.output import show
from sheafnet.cli.summary import summary
from sheafnet.config.build import InferJob, build_job
from sheafnet.config.load import dump_config, load_config
from sheafnet.config.schema import MetricsSection
from sheafnet.config.shipped import find_config
from sheafnet.dynamics.record import Progress
from sheafnet.dynamics.stop import Outcome
from sheafnet.observe.pictures import draw_light_cone
from sheafnet.observe.prometheus import Metrics
from sheafnet.observe.rundir import RunDirectory
from sheafnet.observe.several import Several
from sheafnet.observe.terminal import ProgressLine
from sheafnet.runtime.ports import Observer
from sheafnet.runtime.run import Run
from sheafnet.runtime.simulator.cone import LightCone
from sheafnet.runtime.solution import Solution

LIGHT_CONE = "light-cone.svg"


@click.command()
@config_argument
@override_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Run directory; by default runs/<name of the config>-<number>.",
)
@click.option(
    "--costs", is_flag=True, help="Print what passed over each edge, and the time of each host."
)
@click.option("--trace", is_flag=True, help="Keep the full trace of a simulated run.")
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    help="Serve Prometheus metrics there; 0 takes any free port. Same as --set metrics.port=….",
)
@click.pass_context
def run(
    ctx: click.Context,
    config: str,
    overrides: Sequence[str],
    out: Path | None,
    costs: bool,
    trace: bool,
    metrics_port: int | None,
) -> None:
    """Do the job that CONFIG describes.

    Ctrl-C and SIGTERM stop the run; what it had reached is written.
    """
    path = find_config(config)
    if metrics_port is not None:
        overrides = [*overrides, f"metrics.port={metrics_port}"]
    loaded = load_config(path, overrides)
    job = build_job(loaded)
    cone = job.light_cone()
    directory = RunDirectory(out) if out else RunDirectory.next_in(Path("runs"), path.stem)
    directory.write_inputs(dump_config(loaded.config), job.network)
    terminal = Console(stderr=True)
    observers: list[Observer] = [directory.events]
    if job.config.metrics.port is not None:
        observers += [
            build_metrics(job.config.metrics, directory),
            Announcement(directory.targets[0]),
        ]
    if terminal.is_terminal:
        observers.append(ProgressLine(terminal))
    try:
        with directory.tracing(trace) as write_line:
            solution = _finish(job.prepare(Several(observers), write_line))
    finally:
        # Also when whoever served the metrics was killed.
        for path in directory.targets:
            path.unlink(missing_ok=True)
    result = summary(job, solution, cone)
    try:
        directory.write_result(solution, result)
        if cone is not None:
            draw_light_cone(directory.path / LIGHT_CONE, cone)
    finally:
        # Also when the disk is full: what was computed is at least shown.
        _print(job, solution, result)
        if costs:
            _print_costs(solution)
        if cone is not None:
            _print_light_cone(cone)
    show(f"written to {directory.path}")
    unlawful = cone is not None and bool(cone.violations)
    ctx.exit(0 if solution.outcome is Outcome.CONVERGED and not unlawful else NOT_CONVERGED)


class Announcement(Observer):
    """Says where the metrics are, once they are there."""

    def __init__(self, targets: Path) -> None:
        self._targets = targets
        self._said = False

    def progressed(self, progress: Progress) -> None:  # noqa: ARG002
        """Say it when first told."""
        if not self._said and self._targets.exists():
            self._said = True
            target = json.loads(self._targets.read_text(encoding="utf-8"))[0]["targets"][0]
            show(f"metrics at http://{target}/metrics, for Prometheus in {self._targets}")


def build_metrics(section: MetricsSection, directory: RunDirectory) -> Metrics:
    """Return the observer that ``section`` describes."""
    assert section.port is not None
    return Metrics(
        section.port,
        address=section.address,
        linger=section.linger,
        targets=directory.targets,
        run=directory.path.name,
        most_series=section.most_series,
    )


def _finish(run: Run) -> Solution:
    """Run to the end, or until Ctrl-C or SIGTERM; either way there is a solution."""

    def stop(*_: object) -> None:
        run.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return run.execute()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _print(job: InferJob, solution: Solution, result: dict[str, Any]) -> None:
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
        lines.append(
            f"virtual time {stats.virtual_time:,.0f}, {stats.frames:,} frames, "
            f"{stats.bytes:,} bytes, worst staleness {stats.max_staleness:,} updates"
        )
    resting = sum(solution.kinks.values())
    if resting:
        lines.append(f"{resting:,} units rest on a kink")
    if result["error_bound"] is not None:
        lines.append(f"no farther than {result['error_bound']:.3e} from a minimum, by λ1")
    if "accuracy" in result:
        lines.append(
            f"accuracy {_number(result['accuracy'], '.4f')} "
            f"(forward pass {_number(result['accuracy_of_forward'], '.4f')})"
        )
    show(discord, *lines)


def _print_costs(solution: Solution) -> None:
    edges = Table("edge", "news", "sent", "bytes")
    for edge, cost in solution.edges.items():
        edges.add_row(edge, *(f"{number:,}" for number in cost))
    tables = [edges]
    if solution.hosts:
        hosts = Table("host", "busy", "waiting", "away")
        for host, times in solution.hosts.items():
            hosts.add_row(host, *(f"{time:,.1f}" for time in times))
        tables.append(hosts)
    show(*tables)


def _print_light_cone(cone: LightCone) -> None:
    push = cone.push
    table = Table("vertex", "edges away", "first word", "frames", "first change")
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
    verdict = f"{broken} changed before word of it" if broken else "no change outran the frames"
    show(table, f"{what}: {verdict}")


def _number(value: float | None, form: str) -> str:
    return "not finite" if value is None else format(value, form)
