"""The loss of a network on some samples, with its accuracy and its inactive units."""

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


@dataclass(frozen=True)
class Assessment:
    """What a network does on some samples.

    Attributes
    ----------
    loss
        Mean over the samples: of the mean square over the outputs where the output is the identity,
        of the cross-entropy, binary for a sigmoid, where it is not. Infinite where the network
        overflows.
    accuracy
        Share of the samples that are put in the right class, with a sigmoid of the outputs that
        are on the right side; None without classes.
    inactive
        Hidden vertex z_l → how many of its units fire for no sample at all.
    saturated
        Share of the outputs within 1e-3 of 0 or 1; None without classes.
    """

    loss: float
    accuracy: float | None = None
    inactive: Mapping[str, int] = field(default_factory=dict)
    saturated: float | None = None


def assess(network: ReluNetwork, x: ArrayLike, y: Array) -> Assessment:
    """Return how ``network`` does on inputs (n_0, samples) and targets (n_out, samples)."""
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
    if output == "identity":
        return float(np.mean((z - y) ** 2))
    if output == "sigmoid":
        return float(np.sum(np.logaddexp(0.0, z) - y * z) / z.shape[1])
    return float(np.mean(scipy.special.logsumexp(z, axis=0) * y.sum(axis=0) - (y * z).sum(axis=0)))


def accuracy(output: str, p: Array, y: Array) -> float:
    """Return the share of right classes; where each output has two of its own, of all outputs."""
    if output == "sigmoid":
        return float(np.mean((p >= 0.5) == (y >= 0.5)))  # noqa: PLR2004
    return float(np.mean(p.argmax(axis=0) == y.argmax(axis=0)))
