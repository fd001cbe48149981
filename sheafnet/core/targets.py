"""Targets for the output of a network, checked and converted from arrays or from class labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sheafnet.core.arrays import Array, as_array, checked
from sheafnet.core.network import ReluNetwork
from sheafnet.errors import InputError

SUM_APART = 1e-6
"""Largest accepted distance from 1 of the sum of one sample's targets, for a softmax output."""


@dataclass(frozen=True, eq=False)
class Split:
    """The samples of a data set that are used for training, or those used for testing.

    Attributes
    ----------
    x
        Inputs, shape (n_0, samples).
    y
        Targets, shape (n_out, samples).
    """

    x: Array
    y: Array


def one_hot(labels: NDArray[np.integer[Any]], dim: int) -> NDArray[np.float64]:
    """Convert class labels to targets: 1 for the class of the sample, 0 for every other class.

    Parameters
    ----------
    labels
        Whole numbers, shape (samples,), from 0 to the number of classes − 1.
    dim
        Number of outputs of the network. It is also the number of classes, except that a single
        output stands for two classes, 0 and 1.

    Returns
    -------
    numpy.ndarray
        The targets, shape (dim, samples). For a single output they are the labels themselves.

    Raises
    ------
    InputError
        If a label is negative, or if a label is not less than the number of classes.
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
    """Check targets or class labels, and return targets for the output of a network.

    Parameters
    ----------
    network
        The network.
    y
        Targets, shape (n_out, samples), or class labels, shape (samples,) and of an integer type.
        Labels are not accepted for a single sample of a network with a single output.
    samples
        Number of samples that ``y`` must have.
    which
        Text that error messages put before the word "targets" or "labels"; empty by default.

    Returns
    -------
    numpy.ndarray
        Targets, shape (n_out, samples).

    Raises
    ------
    InputError
        If ``y`` is not an array of real numbers; if labels are given for an identity output; if
        labels are not whole numbers or are out of range; if a target for a sigmoid or softmax is
        below 0 or above 1; or if the targets of a sample for a softmax do not sum to 1.
    ShapeError
        If ``y`` has neither the shape of targets nor the shape of labels, or if labels are not
        accepted.
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
    """Return targets with label smoothing, (1 − share) y + share / classes.

    Here ``classes`` is the number of classes. The method is from Szegedy et al., "Rethinking the
    Inception architecture", 2016.

    Parameters
    ----------
    output
        Name of the output activation. For ``"softmax"`` there is one class per output; for any
        other activation each output has two classes.
    y
        Targets, shape (n_out, samples).
    share
        Part of each target that is spread evenly over the classes, from 0 to 1.
    """
    classes = y.shape[0] if output == "softmax" else 2
    return np.asarray((1.0 - share) * y + share / classes)
