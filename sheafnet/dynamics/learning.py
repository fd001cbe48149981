"""What the owner of a map learns from: its own stalk, and the residual of its own edge."""

from __future__ import annotations

from sheafnet.core.arrays import Array


def gradient(stalk: Array, residual: Array) -> tuple[Array, Array]:
    """Return ∇E with respect to W and b of the map at the tail of an edge.

    With r = W a + b − z of every sample they are Σ r aᵀ and Σ r (Bosca & Ghrist 2026).

    Parameters
    ----------
    stalk
        a, shape (n_in, batch).
    residual
        r, shape (n_out, batch).
    """
    return residual @ stalk.T, residual.sum(axis=1)
