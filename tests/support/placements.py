"""A placement on few hosts for tests on Ray, where a host is a process that starts slowly."""

from __future__ import annotations

import sheafnet as sn


def by_turns(sheaf: sn.Sheaf) -> dict[str, tuple[str, ...]]:
    """Return a placement of alternate vertices on two hosts; most edges then join both hosts."""
    return {"even": sheaf.vertices[::2], "odd": sheaf.vertices[1::2]}
