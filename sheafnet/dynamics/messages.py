"""Messages between vertices.

A message is state, not a command: within one key the newest wins, so that loss, repetition,
reordering and coalescing do no harm. Restriction maps never travel.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from sheafnet.core.arrays import Array


class Kind(StrEnum):
    """What the array of a message is."""

    PROJECTION = "projection"
    TENSION = "tension"
    ELIMINATION = "elimination"


class Key(NamedTuple):
    """What a message is about; an inbox keeps the newest message of each key.

    Attributes
    ----------
    kind
        What the array is.
    edge
        The edge that it crosses.
    sender
        The vertex at the sending end.
    tag
        Which computation it belongs to; 0 where there is only one.
    """

    kind: Kind
    edge: str
    sender: str
    tag: int = 0


class Message:
    """One edge vector (or other array) on its way across an edge.

    Attributes
    ----------
    key
        What it is about.
    sequence
        Grows with every step of the sender.
    array
        Read-only; for a projection F x of the sender, shape (edge dim, batch).
    line
        The edge and the sender of the key: which way the message goes. It is looked up at every
        station, and read from a key by its place sooner than by its name.
    """

    # Neither this nor a frame is a tuple with names: compiled, they are made and read several
    # times as fast.
    __slots__ = ("array", "key", "line", "sequence")

    def __init__(self, key: Key, sequence: int, array: Array) -> None:
        self.key = key
        self.line = key[1], key[2]
        self.sequence = sequence
        self.array = array

    def __repr__(self) -> str:
        return f"Message({self.key}, {self.sequence}, {self.array!r})"
