"""The handwritten digits that come with the configurations, as arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sheafnet.config.shipped import find_config
from sheafnet.core.arrays import Array


class Digits(NamedTuple):
    """Images and labels, split into training and test data.

    Attributes
    ----------
    x
        Training images, one per column, ``(64, n)``, scaled to [0, 1].
    labels
        Training labels from 0 to 9, ``(n,)``.
    xt
        Test images, like ``x``.
    labels_t
        Test labels, like ``labels``.
    """

    x: Array
    labels: Any
    xt: Array
    labels_t: Any


def digits() -> Digits:
    """Return the digits in the split that the data file fixes."""
    with np.load(find_config("digits").parent / "data" / "digits.npz") as data:
        x, labels = data["images"] / 16.0, data["labels"].astype(int)
        train, test = data["train"], data["test"]
    return Digits(x[:, train], labels[train], x[:, test], labels[test])
