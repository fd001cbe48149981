"""The loss and the accuracy of a network on given samples, and its inactive units."""

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
"""An output of a sigmoid or softmax counts as saturated if it is closer than this to 0 or 1."""


@dataclass(frozen=True)
class Assessment:
    """Loss and accuracy of a network on given samples, and its inactive and saturated units.

    Attributes
    ----------
    loss
        Mean over the samples of the loss of one sample. For an identity output, the loss of a
        sample is the mean of the squared errors of its outputs. For a sigmoid it is the sum of the
        binary cross-entropies of its outputs, and for a softmax the cross-entropy. The loss is
        infinite if an input is not finite or the forward pass overflows. In these two cases there
        is no forward pass to assess. Then ``accuracy`` and ``saturated`` are None, and ``inactive``
        is empty.
    accuracy
        For a softmax, the share of the samples whose largest output is that of the right class. For
        a sigmoid, the share of all outputs that lie on the same side of ½ as their targets. For an
        identity output it is None.
    inactive
        Hidden vertex z_l → number of its units whose pre-activation is negative in every sample.
        The activation of such a unit is 0 in every sample.
    saturated
        Share of all outputs whose distance from 0 or from 1 is below 1e-3. For an identity output
        it is None.
    """

    loss: float
    accuracy: float | None = None
    inactive: Mapping[str, int] = field(default_factory=dict)
    saturated: float | None = None


def assess(network: ReluNetwork, x: ArrayLike, y: Array) -> Assessment:
    """Return the loss and accuracy of a network on given samples, and count its inactive units.

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
        If the inputs have no samples.
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
    """Return the mean loss over the samples.

    The loss is computed from the pre-activations z of the last layer. If it were computed from the
    outputs, the logarithm of 0 could occur.
    """
    if output == "identity":
        return float(np.mean((z - y) ** 2))
    if output == "sigmoid":
        return float(np.sum(np.logaddexp(0.0, z) - y * z) / z.shape[1])
    return float(np.mean(scipy.special.logsumexp(z, axis=0) * y.sum(axis=0) - (y * z).sum(axis=0)))


def accuracy(output: str, p: Array, y: Array) -> float:
    """Return the accuracy of outputs, as a share from 0 to 1.

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
        For a softmax, the share of the samples whose largest output and largest target are of the
        same class.
    """
    if output == "sigmoid":
        return float(np.mean((p >= 0.5) == (y >= 0.5)))  # noqa: PLR2004
    return float(np.mean(p.argmax(axis=0) == y.argmax(axis=0)))
