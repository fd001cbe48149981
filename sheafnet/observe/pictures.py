"""Functions that plot light cones, energies and losses and write the plots to files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sheafnet.errors import FileError
from sheafnet.runtime.run_record import Evaluation
from sheafnet.runtime.simulator.light_cone import LightCone

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_light_cone(path: Path, cone: LightCone) -> None:
    """Plot for each vertex the earliest possible and the actual time of the first change by a push.

    The horizontal axis is the number of edges from the pushed vertex. The vertical axis is virtual
    time.

    Parameters
    ----------
    path
        Path of the picture; its suffix selects the format, such as ``.svg`` or ``.png``.
    cone
        The light cone: for each vertex the time at which a push could reach it and the time at
        which its stalk changed.

    Raises
    ------
    FileError
        If the file cannot be written, or if its suffix is not the suffix of a known format.
    """
    figure, (axes,) = _axes()
    connected = [it for it in cone.arrivals.values() if it.distance is not None]
    reached = [(it.distance, it.earliest) for it in connected if it.earliest < float("inf")]
    changes = [(it.distance, it.changed) for it in connected if it.changed is not None]
    axes.plot(*zip(*reached, strict=True), "_", color="0.4", ms=16, label="earliest possible")
    axes.plot(*zip(*changes, strict=True), "o", color="C0", ms=5, label="stalk first changed")
    axes.set_xlabel(f"edges from {cone.push.vertex}")
    axes.set_ylabel("virtual time")
    axes.set_xticks(range(max(it.distance or 0 for it in connected) + 1))
    axes.legend()
    _save(figure, path)


def draw_energies(
    path: Path, curves: Mapping[str, Sequence[Sequence[tuple[float, float]]]]
) -> None:
    """Plot curves of energy against virtual time, with one colour for all curves of one name.

    Parameters
    ----------
    path
        Path of the picture; its suffix selects the format.
    curves
        Name → the curves with this name, each a sequence of pairs (virtual time, energy).

    Raises
    ------
    FileError
        If the file cannot be written, or if its suffix is not the suffix of a known format.
    """
    figure, (axes,) = _axes()
    for number, (name, lines) in enumerate(curves.items()):
        for line in lines:
            (drawn,) = axes.plot(*zip(*line, strict=True), color=f"C{number % 10}", lw=1.0)
        if lines:
            drawn.set_label(name)
    axes.set_yscale("log")
    axes.set_xlabel("virtual time")
    axes.set_ylabel("energy")
    axes.legend(fontsize="small")
    _save(figure, path)


def draw_losses(path: Path, history: Sequence[Evaluation]) -> None:
    """Plot the loss and the tension of every edge against the training step.

    If the evaluations have no tensions, the discord of every edge is plotted instead.

    Parameters
    ----------
    path
        Path of the picture; its suffix selects the format.
    history
        The evaluations of a training, at least one.

    Raises
    ------
    FileError
        If the file cannot be written, or if its suffix is not the suffix of a known format.
    """
    figure, axes = _axes(2)
    steps = [it.step for it in history]
    axes[0].plot(steps, [it.train.loss for it in history], label="train")
    tests = [it.test.loss for it in history if it.test is not None]
    if tests:
        axes[0].plot(steps, tests, "--", label="test")
    axes[0].set_ylabel("loss")
    tense = any(it.tension for it in history)
    last = history[-1]
    for edge in last.tension if tense else last.discord:
        by_step = [(it.tension if tense else it.discord).get(edge, math.nan) for it in history]
        axes[1].plot(steps, by_step, label=edge)
    axes[1].set_ylabel("tension, mean ‖t‖²" if tense else "discord, mean ‖r‖²")
    for each in axes:
        each.set_yscale("log")
        each.set_xlabel("step")
        if each.get_legend_handles_labels()[0]:
            each.legend(fontsize="small")
    _save(figure, path)


def _axes(columns: int = 1) -> tuple[Figure, list[Axes]]:
    """Return a new figure and the list of its axes. There are ``columns`` axes side by side."""
    # The import of Matplotlib takes about a second, so it is imported only when a plot is drawn.
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(3.0 + 4.0 * columns, 4.5), layout="constrained")
    return figure, list(figure.subplots(1, columns, squeeze=False)[0])


def _save(figure: Figure, path: Path) -> None:
    """Write a figure to the file at ``path``.

    Raises
    ------
    FileError
        If the file cannot be written, or if its suffix is not the suffix of a known format.
    """
    from matplotlib import rc_context  # noqa: PLC0415

    try:
        with rc_context({"svg.hashsalt": "sheafnet"}):  # Equal plots give equal files.
            figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: cannot be drawn ({error})") from error
