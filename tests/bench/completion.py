"""Digits completed and classified from their upper halves.

    python -m tests.bench.completion [--out FILE.png]

Of every test image the upper half is held, the hidden pixels are pulled with strength 0.1 to the
mean image of the training split, and the output is held at each of the ten classes in turn. Each
run starts at the forward pass and minimises the energy, which includes the cross-entropy of the
class and the soft pin of the hidden pixels. It prints how often the class with the lowest energy is
the right one; and for comparison how often the forward pass is right on the upper half with the
mean image below, and on whole images. With ``--out`` it draws the completions of the first image of
some classes.

The rule is ``sor``, with a stationarity of 1e-4, at which energies are within 1e-5 of their final
values. ``prox`` needs about twenty times as many rounds.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

import sheafnet as sn
from sheafnet.config.shipped import find_config
from sheafnet.core.arrays import Array
from sheafnet.core.energy import energy_by_sample

DATA = find_config("digits").parent / "data"
CLASSES = 10
SEEN = range(32)
HIDDEN = range(32, 64)
STRENGTH = 0.1
STOP = sn.Stop(stationarity=1e-4)
ROWS = (0, 2, 3, 4, 5, 6, 7, 9)
"""Classes that the picture shows, with one image each."""


class Digits(NamedTuple):
    """A trained network, the test images as columns, their labels, and the training mean."""

    network: sn.ReluNetwork
    images: Array
    labels: Array
    mean: Array


def digits() -> Digits:
    with np.load(DATA / "digits.npz") as data:
        images, labels = data["images"] * 0.0625, data["labels"]
        train, test = data["train"], data["test"]
    network = sn.ReluNetwork.load(DATA / "digits-64-32-32-10.npz")
    return Digits(network, images[:, test], labels[test], images[:, train].mean(axis=1))


def complete(given: Digits, label: int) -> tuple[Array, Array, sn.Solution]:
    """Return all images, completed with the output held at ``label``, and the energy of each."""
    pins = [
        sn.Pin("a0", given.images[SEEN], SEEN),
        sn.Pin("a0", given.mean[HIDDEN], HIDDEN, STRENGTH),
        sn.Pin("a3", np.eye(CLASSES)[label]),
    ]
    run = sn.prepare(given.network.to_sheaf(), pins, rule="sor", init="forward", stop=STOP)
    solution = run.execute()
    energies = energy_by_sample(run.problem.sheaf, solution.cochain, solution.pins)
    return solution.cochain["a0"], energies, solution


def half_with_mean(given: Digits) -> Array:
    filled = given.images.copy()
    filled[HIDDEN] = given.mean[HIDDEN, None]
    return filled


def accuracy(given: Digits, scores: Array) -> float:
    """Return the share of images whose highest score is that of the right class."""
    return float(np.mean(scores.argmax(axis=0) == given.labels))


def draw(given: Digits, completed: Array, winners: Array, path: Path) -> None:
    """Write a picture of some images, their upper halves and their completions."""
    samples = [int(np.flatnonzero(given.labels == label)[0]) for label in ROWS]
    columns = (
        ("image", given.images),
        ("upper half,\nmean below", half_with_mean(given)),
        ("completed as\nthe right class", None),
        ("as the class of\nlowest energy", None),
    )
    figure = Figure(figsize=(1.3 * len(columns), 1.1 * len(samples) + 0.5), layout="constrained")
    for row, axes in enumerate(figure.subplots(len(samples), len(columns))):
        sample = samples[row]
        right, winner = int(given.labels[sample]), int(winners[sample])
        for (title, images), ax in zip(columns, axes, strict=True):
            label = winner if title.startswith("as") else right
            image = completed[label, :, sample] if images is None else images[:, sample]
            ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0.0, vmax=1.0)
            ax.set_xticks([])
            ax.set_yticks([])
            if images is None:
                ax.set_ylabel(label, rotation=0, labelpad=8, va="center")
                ax.axhline(3.5, color="tab:blue", linewidth=0.8)
            if row == 0:
                ax.set_title(title, fontsize=8)
    figure.savefig(path, dpi=80, metadata={"Software": None})


def main() -> None:
    """Complete all images with each class and print the accuracies."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, metavar="FILE.png", help="where to draw")
    out = parser.parse_args().out
    given = digits()
    completed, energies = [], []
    for label in range(CLASSES):
        began = time.perf_counter()
        images, by_sample, solution = complete(given, label)
        print(
            f"as {label}: {solution.outcome.name}, {solution.stats.rounds:,} rounds, "
            f"{time.perf_counter() - began:.1f} s, mean energy {by_sample.mean():.4f}",
            flush=True,
        )
        completed.append(images)
        energies.append(by_sample)
    found = np.array(energies)
    forward = given.network.forward
    print(
        f"{len(given.labels)} test images: the class of lowest energy is right "
        f"{accuracy(given, -found):.1%}, the forward pass on the half with the mean "
        f"{accuracy(given, forward(half_with_mean(given))):.1%}, on the whole image "
        f"{accuracy(given, forward(given.images)):.1%}"
    )
    if out is not None:
        draw(given, np.array(completed), found.argmin(axis=0), out)
        print(f"drawn to {out}")


if __name__ == "__main__":
    main()
