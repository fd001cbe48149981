"""The four data sets with two inputs from Bosca & Ghrist 2026, drawn at random from a seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, get_args

import numpy as np

from sheafnet.core.arrays import Array
from sheafnet.core.targets import Split
from sheafnet.errors import InputError, UnknownNameError, nearest
from sheafnet.runtime.random_streams import stream

Task = Literal["paraboloid", "saddle", "circular", "blobs"]

NOISE = 0.02
RADIAL_NOISE = 0.1
DISC, RING = 1.0, (1.5, 2.5)
CENTRES = np.array([[-1.5, 1.5, 1.5, -1.5], [-1.5, -1.5, 1.5, 1.5]])
SPREAD, SKEW = 0.75, 0.4


def task(name: Task, samples: int = 300, test: int = 100, seed: int = 0) -> tuple[Split, Split]:
    """Draw the training samples and the test samples of a task, a data set with two inputs x₁, x₂.

    Parameters
    ----------
    name
        Name of the task:

        - ``"paraboloid"``: y = x₁² + x₂² − 2/3 on [−2, 2]². The noise in y is normal, with
          standard deviation 0.02.
        - ``"saddle"``: y = x₁² − x₂² + ½ sin 2x₁ on [0, 2]². The noise in y is normal, with
          standard deviation 0.02.
        - ``"circular"``: label 0 on a disc of radius 1, and label 1 on a ring from radius 1.5 to
          2.5. The noise in x is normal, with standard deviation 0.1.
        - ``"blobs"``: four classes with one-hot labels. In each class, x has a skewed normal
          distribution.
    samples, test
        Number of training samples (300 by default) and of test samples (100 by default), each at
        least 1. In ``"circular"`` and ``"blobs"`` the classes have equal sizes, up to one sample,
        if training and test samples are counted together.
    seed
        Seed of all random numbers: a whole number, at least 0; 0 by default.

    Returns
    -------
    tuple of Split
        Training samples and test samples. Each has inputs ``x``, shape (2, samples), and targets
        ``y``, shape (1, samples), or (4, samples) for ``"blobs"``.

    Raises
    ------
    UnknownNameError
        If ``name`` is not the name of a task.
    InputError
        If ``samples`` or ``test`` is less than 1, or if the seed is negative or not a whole number.
    """
    if name not in get_args(Task):
        raise UnknownNameError(f"no task {name!r}{nearest(str(name), get_args(Task))}")
    if samples < 1 or test < 1:
        raise InputError(f"task: {samples} samples and {test} to test; at least 1 of each")
    rng = stream(seed, "task", name)
    x, y = _MAKERS[name](rng, samples + test)
    order = rng.permutation(samples + test)
    parts = order[:samples], order[samples:]
    return Split(x[:, parts[0]], y[:, parts[0]]), Split(x[:, parts[1]], y[:, parts[1]])


def _paraboloid(rng: np.random.Generator, samples: int) -> tuple[Array, Array]:
    x = rng.uniform(-2.0, 2.0, (2, samples))
    y = (x**2).sum(axis=0) - 2.0 / 3.0 + NOISE * rng.standard_normal(samples)
    return x, y[None]


def _saddle(rng: np.random.Generator, samples: int) -> tuple[Array, Array]:
    x = rng.uniform(0.0, 2.0, (2, samples))
    y = x[0] ** 2 - x[1] ** 2 + 0.5 * np.sin(2.0 * x[0]) + NOISE * rng.standard_normal(samples)
    return x, y[None]


def _circular(rng: np.random.Generator, samples: int) -> tuple[Array, Array]:
    outside = np.arange(samples) % 2
    angle = rng.uniform(0.0, 2.0 * np.pi, samples)
    disc = DISC * np.sqrt(rng.uniform(0.0, 1.0, samples))
    ring = rng.uniform(*RING, samples)
    x = np.where(outside, ring, disc) * np.array([np.cos(angle), np.sin(angle)])
    return x + RADIAL_NOISE * rng.standard_normal((2, samples)), outside[None].astype(np.float64)


def _blobs(rng: np.random.Generator, samples: int) -> tuple[Array, Array]:
    classes = CENTRES.shape[1]
    label = np.arange(samples) % classes
    skew = SPREAD * (np.eye(2) + SKEW * rng.standard_normal((classes, 2, 2)))
    noise = rng.standard_normal((samples, 2))
    x = CENTRES[:, label] + np.einsum("nij,nj->in", skew[label], noise)
    return x, np.eye(classes)[:, label]


_MAKERS: Mapping[Task, Callable[[np.random.Generator, int], tuple[Array, Array]]] = {
    "paraboloid": _paraboloid,
    "saddle": _saddle,
    "circular": _circular,
    "blobs": _blobs,
}
