"""The training loss as a function of βn, the rate of the maps beside that of the stalks.

    python -m tests.bench.rates [--draw PICTURE]

It trains by the paper's flow on its four tasks, with β · n from 0.003 to 30, n samples and α = 1.
The step dt = 0.05 is ten times that of the authors; at their β it gives the same losses in fewer
rounds. It prints the training loss after ``ROUNDS`` rounds. If β · n is far below 1 the maps hardly
move; about 1 is best; if it is far above 1 the stalks cannot follow the maps and the flow diverges.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np

import sheafnet as sn
from tests.support import golden

RATES = np.geomspace(0.003, 30.0, 13)
DT = 0.05
ROUNDS = 4000


def loss_after(task: golden.Task, rate: float) -> tuple[float, str | None]:
    """Return the training loss after all rounds and None, or infinity and why it diverged."""
    x, y = task.train
    rule = sn.Joint(1.0, rate / x.shape[1], DT)
    fit = sn.train(task.network, x, y, rule=rule, rounds=ROUNDS, every=ROUNDS, init=task.start)
    return (math.inf if fit.diverged else fit.history[-1].train_loss), fit.diverged


def main() -> None:
    """Print the table, and draw it with ``--draw``."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--draw", type=Path)
    asked = parser.parse_args()
    losses: dict[str, list[float]] = {}
    print("| βn | " + " | ".join(golden.TASKS) + " |")
    print("|---|" + "---|" * len(golden.TASKS))
    for rate in RATES:
        cells = []
        for name in golden.TASKS:
            loss, diverged = loss_after(golden.load_task(name), rate)
            losses.setdefault(name, []).append(loss)
            cells.append("diverged" if diverged else f"{loss:.4g}")
        print(f"| {rate:.3g} | " + " | ".join(cells) + " |", flush=True)
    if asked.draw is not None:
        draw(asked.draw, losses)


def draw(path: Path, losses: dict[str, list[float]]) -> None:
    """Draw the loss against βn, with a cross at the top for a run that diverged."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.5, 4.0), layout="constrained")
    axes = figure.subplots()
    top = 3.0 * max(loss for row in losses.values() for loss in row if math.isfinite(loss))
    for number, (name, row) in enumerate(losses.items()):
        finite = [loss if math.isfinite(loss) else math.nan for loss in row]
        axes.plot(RATES, finite, "o-", ms=3, label=name, color=f"C{number}")
        gone = [rate for rate, loss in zip(RATES, row, strict=True) if not math.isfinite(loss)]
        axes.plot(gone, [top * 1.3**number] * len(gone), "x", color=f"C{number}")
    axes.set(xscale="log", yscale="log", xlabel="βn", ylabel=f"training loss, {ROUNDS:,} rounds")
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=110)
    print(f"drawn in {path}")


if __name__ == "__main__":
    main()
