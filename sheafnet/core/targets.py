"""What a network is to say: targets from labels, and how far it is from them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from sheafnet.core.arrays import Array, checked
from sheafnet.core.network import ReluNetwork
from sheafnet.errors import InputError, NonFiniteError


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


def targets(network: ReluNetwork, y: ArrayLike, samples: int) -> Array:
    """Return what the output is to be, shape (n_out, samples).

    Parameters
    ----------
    network
        Whose output.
    y
        Targets of that shape, or integer labels, shape (samples,).
    samples
        How many there are.

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
        checked("labels", given, (samples,))
        return checked("targets", one_hot(given, dim), (dim, samples))
    return checked("targets", given, (dim, samples))


def loss(network: ReluNetwork, x: ArrayLike, y: Array) -> float:
    """Return the mean over the samples of the loss of ``network``.

    The mean square over the outputs where the output is the identity, the cross-entropy, binary
    for a sigmoid, where it is not. Infinite where the network overflows.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        try:
            z = network.forward_cochain(x)[f"z{len(network.layers)}"]
        except NonFiniteError:
            return math.inf
        if network.output == "identity":
            return float(np.mean((z - y) ** 2))
        if network.output == "sigmoid":
            return float(np.sum(np.logaddexp(0.0, z) - y * z) / z.shape[1])
        return float(np.mean(logsumexp(z, axis=0) * y.sum(axis=0) - (y * z).sum(axis=0)))
