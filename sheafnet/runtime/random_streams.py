"""Random streams, identified by names. A new stream does not change the numbers of any other."""

from __future__ import annotations

import numpy as np

from sheafnet.errors import InputError


def stream(seed: int, purpose: str, *names: str) -> np.random.Generator:
    """Return the random generator that belongs to a seed, a purpose and some names.

    Equal arguments give generators that draw the same numbers.

    Parameters
    ----------
    seed
        Seed of the run; a whole number, at least 0.
    purpose
        Quantity that is drawn, e.g. ``"start"`` or ``"latency"``.
    names
        Names of the objects for which it is drawn, e.g. of a vertex, or of the two hosts of a link.

    Raises
    ------
    InputError
        If the seed is negative or not a whole number.
    """
    if seed < 0 or seed != int(seed):
        raise InputError(f"seed {seed!r}: expected a whole number, 0 or more")
    # The lengths make the keys of ("ab", "c") and ("a", "bc") differ.
    parts = [name.encode() for name in (purpose, *names)]
    key = [number for part in parts for number in (len(part), *part)]
    return np.random.default_rng(np.random.SeedSequence(int(seed), spawn_key=key))
