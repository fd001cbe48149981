"""The handwritten digits that come with the configurations, as arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sheafnet.config.shipped import find_config
from sheafnet.core.arrays import Array


class Digits(NamedTuple):
    """A split of the digits."""

    x: Array
    labels: Any
    xt: Array
    labels_t: Any


def digits() -> Digits:
    """Return the fixed split."""
    with np.load(find_config("digits").parent / "data" / "digits.npz") as data:
        x, labels = data["images"] / 16.0, data["labels"].astype(int)
        train, test = data["train"], data["test"]
    return Digits(x[:, train], labels[train], x[:, test], labels[test])
