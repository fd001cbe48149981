"""The loss of a network on given samples, with its accuracy and its inactive units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import scipy
from numpy.typing import ArrayLike

from sheafnet.core.arrays import Array
from sheafnet.core.naming import preactivation
from sheafnet.core.network import ReluNetwork
from sheafnet.errors import NonFiniteError

SATURATED = 1e-3
"""Distance from 0 or 1 below which an output counts as saturated."""


@dataclass(frozen=True)
class Assessment:
    """Loss, accuracy and state of the units of a network on given samples.

    Attributes
    ----------
    loss
        Mean over the samples of the loss of one sample. For an identity output that is the mean
        of the squared errors of the outputs; for a sigmoid the sum of the binary cross-entropies
        of the outputs; for a softmax the cross-entropy. Infinite if an input is not finite or
        the forward pass overflows.
    accuracy
        For a softmax, the share of the samples whose largest output is the right class. For a
        sigmoid, the share of all outputs that lie on the same side of ½ as their targets. None
        for an identity output.
    inactive
        Hidden vertex z_l → number of its units whose value is negative in every sample, so that
        they never fire. Empty if the loss is infinite for that reason.
    saturated
        Share of the outputs within 1e-3 of 0 or 1; None for an identity output.
    """

    loss: float
    accuracy: float | None = None
    inactive: Mapping[str, int] = field(default_factory=dict)
    saturated: float | None = None


def assess(network: ReluNetwork, x: ArrayLike, y: Array) -> Assessment:
    """Return the loss, accuracy and state of the units of a network on given samples.

    Parameters
    ----------
    network
        The network.
    x
        Inputs, shape (n_0, samples).
    y
        Targets, shape (n_out, samples), as ``sheafnet.core.targets.targets`` returns them.

    Raises
    ------
    InputError
        If the inputs are not real numbers.
    ShapeError
        If the inputs do not have the shape (n_0, samples).
    EmptyBatchError
        If there is no sample.
    """
    last = len(network.layers)
    with np.errstate(over="ignore", invalid="ignore"):
        try:
            cochain = network.forward_cochain(x)
        except NonFiniteError:
            return Assessment(math.inf)
        cost = _loss(network.output, cochain[preactivation(last)], y)
    hidden = [preactivation(layer) for layer in range(1, last)]
    inactive = {v: int((cochain[v] < 0.0).all(axis=1).sum()) for v in hidden}
    if network.output == "identity":
        return Assessment(cost, None, inactive)
    p = cochain[network.output_vertex]
    near = np.minimum(p, 1.0 - p) < SATURATED
    return Assessment(cost, accuracy(network.output, p, y), inactive, float(near.mean()))


def _loss(output: str, z: Array, y: Array) -> float:
    """Return the mean loss, from the last pre-activations z so that no logarithm of 0 occurs."""
    if output == "identity":
        return float(np.mean((z - y) ** 2))
    if output == "sigmoid":
        return float(np.sum(np.logaddexp(0.0, z) - y * z) / z.shape[1])
    return float(np.mean(scipy.special.logsumexp(z, axis=0) * y.sum(axis=0) - (y * z).sum(axis=0)))


def accuracy(output: str, p: Array, y: Array) -> float:
    """Return the share of right answers.

    Parameters
    ----------
    output
        Output activation, ``"sigmoid"`` or ``"softmax"``.
    p
        Outputs of the network, shape (n_out, samples).
    y
        Targets, shape (n_out, samples).

    Returns
    -------
    float
        For a sigmoid, the share of all outputs that lie on the same side of ½ as their targets.
        Otherwise the share of the samples whose largest output is the class of largest target.
    """
    if output == "sigmoid":
        return float(np.mean((p >= 0.5) == (y >= 0.5)))  # noqa: PLR2004
    return float(np.mean(p.argmax(axis=0) == y.argmax(axis=0)))
