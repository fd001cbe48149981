"""What a network is to say: targets, and targets from labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sheafnet.core.arrays import Array, checked
from sheafnet.core.network import ReluNetwork
from sheafnet.errors import InputError


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
        If labels are given for an output that is no activation, or are out of range.
    ShapeError
        If the shape fits neither.
    NonFiniteError
        If a target is NaN or infinite.
    """
    given, dim = np.asarray(y), network.widths[-1]
    if given.ndim == 1 and given.dtype.kind in "iu":
        if network.output == "identity":
            raise InputError("labels need an output that is sigmoid or softmax; give targets")
        checked(f"{which}labels", given, (samples,))
        return checked(f"{which}targets", one_hot(given, dim), (dim, samples))
    return checked(f"{which}targets", given, (dim, samples))


def smoothed(y: Array, share: float) -> Array:
    """Return one-hot targets with ``share`` of each spread evenly over all classes.

    For a single output, over its two classes (Szegedy et al., "Rethinking the Inception
    architecture", 2016).
    """
    return np.asarray((1.0 - share) * y + share / max(y.shape[0], 2))
