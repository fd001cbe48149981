"""Random streams by name: independent of each other, and of which others exist."""

from __future__ import annotations

import numpy as np

from sheafnet.errors import InputError


def stream(seed: int, purpose: str, *names: str) -> np.random.Generator:
    """Return the random stream for one purpose of one thing under ``seed``.

    Parameters
    ----------
    seed
        Not negative.
    purpose
        What is drawn, e.g. ``"start"`` or ``"latency"``.
    names
        For what, e.g. a vertex, or the two hosts of a link.

    Raises
    ------
    InputError
        If the seed is negative or not whole.
    """
    if seed < 0 or seed != int(seed):
        raise InputError(f"seed {seed!r}: expected a whole number, 0 or more")
    # Lengths keep ("ab", "c") and ("a", "bc") apart.
    parts = [name.encode() for name in (purpose, *names)]
    key = [number for part in parts for number in (len(part), *part)]
    return np.random.default_rng(np.random.SeedSequence(int(seed), spawn_key=key))
