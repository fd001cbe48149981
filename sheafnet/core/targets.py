"""Targets of a network, from arrays or from labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sheafnet.core.arrays import Array, as_array, checked
from sheafnet.core.network import ReluNetwork
from sheafnet.errors import InputError

SUM_APART = 1e-6


@dataclass(frozen=True, eq=False)
class Split:
    """Inputs (n_0, samples) and targets (n_out, samples)."""

    x: Array
    y: Array


def one_hot(labels: NDArray[np.integer[Any]], dim: int) -> NDArray[np.float64]:
    """Return labels as (classes, batch), or (1, batch) where one output tells two classes.

    Raises
    ------
    InputError
        If a label is no class of ``dim`` outputs.
    """
    classes = max(dim, 2)
    if labels.size and labels.min() < 0:
        raise InputError(f"labels run from {labels.min()}, but classes begin at 0")
    if labels.size and labels.max() >= classes:
        raise InputError(f"labels run to {labels.max()}, but there are {classes} classes")
    if dim == 1:
        return labels[None, :].astype(np.float64)
    return np.asarray(np.eye(dim)[:, labels])


def targets(network: ReluNetwork, y: ArrayLike, samples: int, which: str = "") -> Array:
    """Return what the output is to be, shape (n_out, samples).

    Parameters
    ----------
    network
        Whose output.
    y
        Targets of that shape, or integer labels, shape (samples,).
    samples
        How many there are.
    which
        With what their name begins in an error.

    Raises
    ------
    InputError
        If labels are given for an output that is no activation, or are not whole numbers or out
        of range, or targets are no shares of classes where they are to be.
    ShapeError
        If the shape fits neither.
    NonFiniteError
        If a target is NaN or infinite.
    """
    given, dim = as_array(f"{which}targets", y), network.widths[-1]
    if given.ndim == 1 and samples > 0 and dim * samples != 1:
        if network.output == "identity":
            raise InputError(
                f"{which}labels need an output that is sigmoid or softmax; give targets of shape "
                f"({dim}, {samples})"
            )
        if given.dtype.kind not in "iu":
            raise InputError(
                f"{which}labels must be whole numbers, got {given.dtype}; targets have the shape "
                f"({dim}, {samples})"
            )
        checked(f"{which}labels", given, (samples,))
        return checked(f"{which}targets", one_hot(given, dim), (dim, samples))
    aims = checked(f"{which}targets", given, (dim, samples))
    if network.output != "identity" and (aims.min() < 0.0 or aims.max() > 1.0):
        raise InputError(
            f"{which}targets of a {network.output} are from 0 to 1, got {aims.min():g} to "
            f"{aims.max():g}"
        )
    if network.output == "softmax" and np.abs(aims.sum(axis=0) - 1.0).max() > SUM_APART:
        raise InputError(f"{which}targets of a softmax are shares: every column sums to 1")
    return aims


def smoothed(output: str, y: Array, share: float) -> Array:
    """Return targets with ``share`` of each spread evenly over all classes.

    Over those of a softmax, over the two of each output of a sigmoid (Szegedy et al., "Rethinking
    the Inception architecture", 2016).
    """
    classes = y.shape[0] if output == "softmax" else 2
    return np.asarray((1.0 - share) * y + share / classes)
