"""Messages between vertices, and their keys.

A message holds state, not a command: of all messages with the same key, the receiver uses the
newest. So the loss, repetition, reordering or replacement of messages does no harm. No message
holds a restriction map.
"""

from enum import StrEnum
from typing import NamedTuple

from sheafnet.core.arrays import Array


class Kind(StrEnum):
    """The kind of array that a message holds.

    ``PROJECTION`` is F x of the sender, ``TENSION`` the edge vector that a learning rule sends from
    head to tail, ``ELIMINATION`` a packed message of a block elimination.
    """

    PROJECTION = "projection"
    TENSION = "tension"
    ELIMINATION = "elimination"


class Key(NamedTuple):
    """The key of a message: an inbox keeps the newest message of each key.

    Attributes
    ----------
    kind
        Kind of the array.
    edge
        Name of the edge that the message crosses.
    sender
        Name of the vertex at the sending end.
    tag
        Number of the computation that the message belongs to: the batch under a rule that learns
        from batches, else 0.
    """

    kind: Kind
    edge: str
    sender: str
    tag: int = 0


class Message:
    """A message across one edge: an array with its key and its sequence.

    Attributes
    ----------
    key
        Kind, edge, sender and tag.
    sequence
        Sequence number of the sender, which grows with every step that it takes.
    array
        Edge vectors, read-only: shape (edge dim, batch) for projections and tensions, any shape
        for other kinds.
    line
        Edge and sender of the key, which together give the direction of the message. They are
        stored because every station on the way looks them up.
    """

    # Messages and frames are no named tuples: a compiled class with slots is built and read
    # several times as fast.
    __slots__ = ("array", "key", "line", "sequence")

    def __init__(self, key: Key, sequence: int, array: Array) -> None:
        self.key = key
        self.line = key[1], key[2]  # by index, which is faster than by name
        self.sequence = sequence
        self.array = array

    def __repr__(self) -> str:
        return f"Message({self.key}, {self.sequence}, {self.array!r})"
