"""The verb ``sheafnet run``: it runs the job of a configuration, prints and writes the results."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import click
from rich.console import Console

from sheafnet.cli import NOT_CONVERGED
from sheafnet.cli.options import override_option
from sheafnet.cli.printing import show
from sheafnet.cli.result_json import fit_summary, summary
from sheafnet.cli.tables import show_costs, show_fit, show_light_cone, show_solution
from sheafnet.config.builders.job import InferJob, TrainJob, build_job
from sheafnet.config.load import dump_config, load_config
from sheafnet.config.schema.job import MetricsSection
from sheafnet.config.shipped import find_config
from sheafnet.observe.checkpoint_writer import CheckpointWriter, last_checkpoint
from sheafnet.observe.composite import CompositeObserver
from sheafnet.observe.pictures import draw_light_cone, draw_losses
from sheafnet.observe.prometheus import Metrics
from sheafnet.observe.rundir import RunDirectory
from sheafnet.observe.terminal import ProgressLine
from sheafnet.runtime.jobs.job import Job, Result
from sheafnet.runtime.jobs.observer import Observer
from sheafnet.runtime.progress import Progress
from sheafnet.runtime.simulator.light_cone import LightCone
from sheafnet.runtime.stop import Outcome

LIGHT_CONE = "light-cone.svg"
LOSSES = "losses.svg"


@click.command()
@click.argument("config", metavar="[CONFIG]", required=False)
@override_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Run directory; by default runs/<name of the config>-<number>.",
)
@click.option(
    "--costs", is_flag=True, help="Print what passed over each edge, and the time of each host."
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="RUN_DIR",
    help="Continue the training in a run directory from its last checkpoint; instead of CONFIG.",
)
@click.option("--trace", is_flag=True, help="Keep the full trace of a simulated run.")
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    help="Serve Prometheus metrics on this port; 0 takes a free one. Same as --set metrics.port=….",
)
@click.pass_context
def run(
    ctx: click.Context,
    config: str | None,
    overrides: Sequence[str],
    out: Path | None,
    costs: bool,
    resume: Path | None,
    trace: bool,
    metrics_port: int | None,
) -> None:
    """Do the job that CONFIG describes.

    Ctrl-C and SIGTERM stop the run; the results so far are written.
    \f

    Raises
    ------
    click.UsageError
        If both or neither of CONFIG and ``--resume`` are given, or if ``--resume`` is given
        together with ``--set``, ``--out`` or ``--trace``.
    """  # noqa: D301
    if (config is None) == (resume is None) or (resume and (overrides or out or trace)):
        raise click.UsageError("give either CONFIG, or --resume RUN_DIR without another setting")
    path = find_config(config) if config else resume / "config.yaml" if resume else Path()
    if metrics_port is not None:
        overrides = [*overrides, f"metrics.port={metrics_port}"]
    loaded = load_config(path, overrides)
    job = build_job(loaded)
    cone = job.light_cone() if isinstance(job, InferJob) else None
    if resume is not None:
        directory = RunDirectory(resume, again=True)
    else:
        directory = RunDirectory(out) if out else RunDirectory.next_in(Path("runs"), path.stem)
        directory.write_inputs(dump_config(loaded.config), job.network)
    observer = _observer(loaded.config.metrics, directory)
    try:
        with directory.tracing(trace) as write_line:
            if isinstance(job, TrainJob):
                again = resume is not None
                well = _train(job, directory, observer, write_line, again=again, costs=costs)
            else:
                well = _infer(job, directory, observer, write_line, cone=cone, costs=costs)
    finally:
        # The observer removes the discovery files itself, unless its process was killed.
        for target in directory.targets:
            target.unlink(missing_ok=True)
    show(f"written to {directory.path}")
    ctx.exit(0 if well else NOT_CONVERGED)


def _infer(
    job: InferJob,
    directory: RunDirectory,
    observer: Observer,
    write_line: Callable[[str], None] | None,
    *,
    cone: LightCone | None,
    costs: bool,
) -> bool:
    """Run inference, write and print its result.

    Return whether the run converged and, if ``cone`` is given, no vertex changed before a frame
    could reach it.
    """
    solution = _finish(job.prepare(observer, write_line))
    result = summary(job, solution, cone)
    try:
        directory.write_result(solution, result)
        if cone is not None:
            draw_light_cone(directory.path / LIGHT_CONE, cone)
    finally:
        # The results are printed even if they could not be written, for example to a full disk.
        show_solution(job, solution, result)
        if costs:
            show_costs(solution)
        if cone is not None:
            show_light_cone(cone)
    lawful = cone is None or not cone.violations
    return solution.outcome is Outcome.CONVERGED and lawful


def _train(
    job: TrainJob,
    directory: RunDirectory,
    observer: Observer,
    write_line: Callable[[str], None] | None,
    *,
    again: bool,
    costs: bool,
) -> bool:
    """Run the training, write and print its result; return False if the training diverged."""
    last = last_checkpoint(directory.path, job.network.to_sheaf()) if again else None
    observer = CompositeObserver([observer, CheckpointWriter(directory.path)])
    fit = _finish(job.prepare(observer, write_line, last))
    try:
        directory.write_fit(fit, fit_summary(fit))
        draw_losses(directory.path / LOSSES, fit.history)
    finally:
        show_fit(job, fit)
        if costs:
            show_costs(fit.record)
    return fit.diverged is None


def _observer(metrics: MetricsSection, directory: RunDirectory) -> Observer:
    """Return the observer of a job: event log, and metrics and progress line if they are used."""
    terminal = Console(stderr=True)
    observers: list[Observer] = [directory.events]
    if metrics.port is not None:
        observers += [build_metrics(metrics, directory), Announcement(directory.targets[0])]
    if terminal.is_terminal:
        observers.append(ProgressLine(terminal))
    return CompositeObserver(observers)


class Announcement(Observer):
    """An observer that prints the address of the metrics once they are served.

    Parameters
    ----------
    targets
        The file with the address that ``sheafnet.observe.prometheus.Metrics`` writes.
    """

    def __init__(self, targets: Path) -> None:
        self._targets = targets
        self._said = False

    def progressed(self, progress: Progress) -> None:  # noqa: ARG002
        """Print the address once, at the first report of progress after ``targets`` exists."""
        if not self._said and self._targets.exists():
            self._said = True
            target = json.loads(self._targets.read_text(encoding="utf-8"))[0]["targets"][0]
            show(f"metrics at http://{target}/metrics, for Prometheus in {self._targets}")


def build_metrics(section: MetricsSection, directory: RunDirectory) -> Metrics:
    """Return the metrics observer that a configuration describes.

    Parameters
    ----------
    section
        Section ``metrics`` of the configuration; its ``port`` must not be None.
    directory
        Run directory. Its name is the name of the run. Two discovery files with the address of the
        metrics are written, from which Prometheus reads it: ``targets.json`` in the run directory,
        and ``<name>.targets.json`` in the parent folder of the run directory.
    """
    assert section.port is not None
    return Metrics(
        section.port,
        address=section.address,
        linger=section.linger,
        targets=directory.targets,
        run=directory.path.name,
        most_series=section.most_series,
    )


def _finish(run: Job[Result]) -> Result:
    """Run a job to its end and return its result; Ctrl-C and SIGTERM make the job end early."""

    def stop(*_: object) -> None:
        run.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return run.execute()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
