"""The verb ``sheafnet sweep``: it runs one configuration with many seeds and settings."""

import csv
import itertools
import json
import math
import multiprocessing
import os
import shlex
import signal
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table

from sheafnet.cli import NOT_CONVERGED
from sheafnet.cli.options import config_argument, override_option
from sheafnet.cli.printing import show
from sheafnet.cli.result_json import deviation, forward_pass
from sheafnet.config.builders.job import build_inference
from sheafnet.config.load import Loaded, alternatives, load_config
from sheafnet.config.schema.simulator import SimulatorRuntime
from sheafnet.config.shipped import find_config
from sheafnet.errors import FileError, SheafnetError
from sheafnet.observe.pictures import draw_energies
from sheafnet.runtime.jobs.observer import Observer
from sheafnet.runtime.progress import Progress
from sheafnet.runtime.stop import Outcome

ONLY_INFER = "a sweep repeats the job infer; a job that trains is run by itself"
FAILED = "FAILED"
"""Value of the column ``outcome`` for a run that an error ended."""

MEASURES = (
    "virtual_time",
    "rounds",
    "updates",
    "messages",
    "frames",
    "bytes",
    "max_staleness",
    "wall_time",
    "energy",
    "stationarity",
    "max_deviation_from_forward",
)
COLUMNS = ("outcome", *MEASURES, "trace_digest", "message", "command")
MOST_SHOWN = 10
"""Largest number of runs without convergence whose commands are printed.

The CSV file has the commands of all runs.
"""

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Point:
    """The settings of one of the runs that ``sweep`` makes: configuration, overrides and seed.

    Attributes
    ----------
    config
        File or name of the configuration, as given on the command line.
    seed
        Seed of the random start. If the run is simulated, it is the seed of the simulator as well.
    setting
        The values that ``--vary`` gives this run, as overrides ``key=value``.
    overrides
        All overrides of this run, in order: the overrides of ``--set``, then ``setting``, then the
        seed.
    """

    config: str
    seed: int
    setting: tuple[str, ...]
    overrides: tuple[str, ...]

    def load(self) -> Loaded:
        """Return the configuration of this run.

        Raises
        ------
        FileError
            If ``config`` is neither a file nor the name of a shipped configuration.
        ConfigError
            If the configuration with these overrides has faults.
        """
        return load_config(find_config(self.config), self.overrides)

    @property
    def command(self) -> str:
        """Shell command that repeats this run."""
        options = [argument for override in self.overrides for argument in ("--set", override)]
        return shlex.join(["sheafnet", "run", self.config, *options])


class Row(NamedTuple):
    """The result of one of the runs that the command ``sweep`` makes.

    Attributes
    ----------
    point
        The settings of the run.
    values
        Column of the CSV file → value of the run; None if the run has no value for the column.
    energies
        Pairs (virtual time, energy) during the run; empty if the energies were not recorded.
    """

    point: Point
    values: dict[str, Any]
    energies: tuple[tuple[float, float], ...] = ()

    @property
    def well(self) -> bool:
        """Whether the run converged."""
        return bool(self.values["outcome"] == Outcome.CONVERGED.name)


class Energies(Observer):
    """An observer that keeps the energy of every report of progress.

    The first reports are left out: the energy is not known before every vertex has received the
    projections of all its neighbours. A vertex without these projections reports an infinite
    stationarity.

    Attributes
    ----------
    curve
        Pairs (virtual time, energy), in the order of the reports.
    """

    interval = 0.0

    def __init__(self) -> None:
        self.curve: list[tuple[float, float]] = []

    def progressed(self, progress: Progress) -> None:
        """Append the time and the energy of a report to ``curve``."""
        if all(map(math.isfinite, progress.stationarity.values())):
            self.curve.append((progress.time, progress.energy))


def _seeds(ctx: click.Context, param: click.Parameter, value: str) -> range:  # noqa: ARG001
    """Return the seeds A, …, B − 1 for the value A:B of ``--seeds``.

    Raises
    ------
    click.BadParameter
        If the value is not A:B with whole numbers 0 ≤ A < B.
    """
    first, colon, end = value.partition(":")
    if not (colon and first.isdecimal() and end.isdecimal() and int(first) < int(end)):
        raise click.BadParameter(f"{value!r} is not A:B with 0 ≤ A < B, for example 0:100")
    return range(int(first), int(end))


@click.command()
@config_argument
@override_option
@click.option(
    "--seeds", required=True, metavar="A:B", callback=_seeds, help="The seeds A, A + 1, … below B."
)
@click.option(
    "--vary",
    "varied",
    multiple=True,
    metavar="KEY=VALUE,…",
    help="Repeat all runs with each of these values, e.g. runtime.loss=0,0.2,0.4. Several --vary "
    "give every combination.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=os.cpu_count() or 1,
    show_default="one for each processor",
    help="Number of parallel processes.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("sweep.csv"),
    show_default=True,
    help="CSV file with a row for each run; it must not exist yet.",
)
@click.option(
    "--draw",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Picture of energy against virtual time, e.g. energy.svg; overwritten if it exists.",
)
@click.pass_context
def sweep(
    ctx: click.Context,
    config: str,
    overrides: Sequence[str],
    seeds: range,
    varied: Sequence[str],
    jobs: int,
    out: Path,
    draw: Path | None,
) -> None:
    """Repeat the inference that CONFIG describes with many seeds and settings.

    A line is printed for each setting. For each run that did not converge, the command that
    repeats the run is printed. The exit code is 1 if a run did not converge.
    """
    settings = list(itertools.product(*map(alternatives, varied)))
    points = [point for setting in settings for point in _points(config, overrides, setting, seeds)]
    keys = [override.partition("=")[0] for override in settings[0]]
    rows = []
    with _created(out) as stream:
        table = csv.writer(stream)
        table.writerow(["seed", *keys, *COLUMNS])
        for row in _progress(measured(points, jobs, draw is not None), len(points)):
            rows.append(row)
            values = [override.partition("=")[2] for override in row.point.setting]
            table.writerow([row.point.seed, *values, *(row.values[name] for name in COLUMNS)])
            stream.flush()  # An interrupted sweep keeps its rows.
    _print(rows, settings)
    show(f"written to {out}")
    if draw is not None:
        curves: dict[str, list[Sequence[tuple[float, float]]]] = {}
        for row in rows:
            name = ", ".join(" ".join(_shown(override)) for override in row.point.setting)
            curves.setdefault(name or config, []).append(row.energies)
        draw_energies(draw, curves)
        show(f"drawn in {draw}")
    ctx.exit(0 if all(row.well for row in rows) else NOT_CONVERGED)


def _points(
    config: str, overrides: Sequence[str], setting: tuple[str, ...], seeds: range
) -> list[Point]:
    """Return the runs of one setting, one for each seed.

    Raises
    ------
    ConfigError
        If the configuration with this setting has faults, or if its job is training.
    FileError
        If ``config`` is neither a file nor the name of a shipped configuration.
    """
    loaded = load_config(find_config(config), [*overrides, *setting])
    build_inference(loaded, ONLY_INFER)
    keys = ["seed"]
    if isinstance(loaded.config.runtime, SimulatorRuntime):
        keys.append("runtime.seed")
    return [
        Point(config, seed, setting, (*overrides, *setting, *(f"{key}={seed}" for key in keys)))
        for seed in seeds
    ]


def measured(points: Sequence[Point], jobs: int, energies: bool = False) -> Iterator[Row]:
    """Run every point and yield the rows in the order of the points.

    Parameters
    ----------
    points
        The runs.
    jobs
        Number of parallel processes, at least 1.
    energies
        Whether each row has the energies during the run; False by default.
    """
    for name in THREADS:  # More BLAS threads would compete with the processes for the cores.
        os.environ.setdefault(name, "1")
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _ignore_interrupts)
    try:
        yield from pool.map(partial(measure, energies=energies), points)
    finally:
        pool.shutdown(cancel_futures=True)


def _ignore_interrupts() -> None:
    """Make this worker process ignore Ctrl-C.

    A terminal sends Ctrl-C to all its processes, but only the main process has to handle it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def measure(point: Point, energies: bool = False) -> Row:
    """Run one point in this process and return its row.

    Parameters
    ----------
    point
        The settings of the run.
    energies
        Whether the row has the energies during the run; False by default.

    Returns
    -------
    Row
        The result. If an error of sheafnet ended the run, the outcome is ``FAILED``.
    """
    observer = Energies() if energies else Observer()
    values: dict[str, Any] = dict.fromkeys(COLUMNS)
    values["command"] = point.command
    try:
        job = build_inference(point.load(), ONLY_INFER)
        solution = job.prepare(observer).execute()
    except SheafnetError as error:
        return Row(point, values | {"outcome": FAILED, "message": str(error)})
    stats = asdict(solution.stats)
    values |= {name: stats[name] for name in MEASURES if name in stats}
    values |= {
        "outcome": solution.outcome.name,
        "message": solution.message,
        "energy": solution.energy,
        "stationarity": solution.stationarity,
        "max_deviation_from_forward": deviation(solution, forward_pass(job)),
        "trace_digest": solution.trace_digest,
    }
    return Row(point, values, tuple(observer.curve) if isinstance(observer, Energies) else ())


def _created(path: Path) -> TextIO:
    """Create the file at ``path`` and return it, open for writing.

    Raises
    ------
    FileError
        If the file exists already, or if it cannot be written.
    """
    try:
        return path.open("x", encoding="utf-8", newline="")
    except FileExistsError:
        raise FileError(
            f"{path} is there already; nothing is overwritten, so name another"
        ) from None
    except OSError as error:
        raise FileError(f"{path}: cannot be written ({error.strerror})") from error


def _progress(rows: Iterator[Row], total: int) -> Iterable[Row]:
    """Return an iterable of the rows that draws a progress bar if standard error is a terminal."""
    terminal = Console(stderr=True)
    return track(rows, "runs", total=total, console=terminal, disable=not terminal.is_terminal)


def _print(rows: Sequence[Row], settings: Sequence[tuple[str, ...]]) -> None:
    """Print a line for each setting, and the commands of the runs that did not converge."""
    title = "Medians over the seeds; worst time, staleness, deviation from the forward pass"
    table = Table(
        title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True
    )
    for override in settings[0]:
        table.add_column(_shown(override)[0])
    for title in ("settled", "time", "worst", "messages", "bytes", "stalest", "error"):
        table.add_column(title, justify="right")
    for setting in settings:
        here = [row for row in rows if row.point.setting == setting]
        table.add_row(
            *(_shown(override)[1] for override in setting),
            f"{sum(row.well for row in here)} of {len(here)}",
            _over(statistics.median, here, "virtual_time", ",.0f"),
            _over(max, here, "virtual_time", ",.0f"),
            _over(statistics.median, here, "messages", ",.0f"),
            _over(statistics.median, here, "bytes", ",.0f"),
            _over(max, here, "max_staleness", ",.0f"),
            _over(max, here, "max_deviation_from_forward", ".1e"),
        )
    failed = [row for row in rows if not row.well]
    lines = [f"{row.values['outcome']}: {row.point.command}" for row in failed[:MOST_SHOWN]]
    if len(failed) > MOST_SHOWN:
        lines.append(f"and {len(failed) - MOST_SHOWN} more that did not converge")
    show(table, *lines)


def _shown(override: str) -> tuple[str, str]:
    """Return the last part of the key of an override, and its value (of a section, the kind)."""
    key, _, text = override.partition("=")
    value = json.loads(text)
    return key.rpartition(".")[2], str(value["kind"]) if isinstance(value, dict) else text


def _over(
    statistic: Callable[[list[float]], float], rows: Sequence[Row], name: str, form: str
) -> str:
    """Return as text a statistic of the column ``name``; a dash if no row has a value in it."""
    values = [float(row.values[name]) for row in rows if row.values[name] is not None]
    return format(statistic(values), form) if values else "–"
