"""Strategies of hypothesis for networks and matrices, and random cochains."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import sheafnet as sn
from sheafnet.core.arrays import Array

OUTPUTS = ("identity", "sigmoid", "softmax")

seeds = st.integers(0, 2**32 - 1)
dims = st.integers(1, 6)


@st.composite
def networks(draw: st.DrawFn, *, outputs: tuple[str, ...] = OUTPUTS) -> sn.ReluNetwork:
    """Draw a network with random widths, weights, biases and output activation."""
    widths = draw(st.lists(dims, min_size=2, max_size=5))
    rng = np.random.default_rng(draw(seeds))
    shapes = list(zip(widths[1:], widths, strict=False))
    return sn.ReluNetwork(
        [rng.standard_normal(shape) for shape in shapes],
        [rng.standard_normal(shape[0]) for shape in shapes],
        draw(st.sampled_from(outputs)),
    )


def matrices(rows: int, columns: int, *, bound: float = 10.0) -> st.SearchStrategy[Array]:
    # Products of subnormal numbers underflow, and then the tested inequalities fail.
    small = st.floats(-bound, bound, allow_subnormal=False).map(lambda x: round(x, 6))
    return hnp.arrays(np.float64, (rows, columns), elements=small)


def noise(sheaf: sn.Sheaf, batch: int, seed: int) -> sn.Cochain:
    """Return a cochain of ``batch`` samples with standard normal entries."""
    rng = np.random.default_rng(seed)
    return sn.Cochain({v: rng.standard_normal((sheaf.stalk_dim(v), batch)) for v in sheaf.vertices})
