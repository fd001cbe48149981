"""Messages between vertices, and their keys.

A message holds state, not a command: of all messages with the same key, the receiver uses the
newest. Therefore it does no harm if messages are lost, repeated, reordered or replaced by newer
ones. No message holds a restriction map.
"""

from enum import StrEnum
from typing import NamedTuple

from sheafnet.core.arrays import Array


class Kind(StrEnum):
    """The kind of array that a message holds.

    ``PROJECTION`` is F x, the restriction map F of the sender applied to its stalk x. ``TENSION``
    is the edge vector that a learning rule sends from the head of an edge to the tail.
    ``ELIMINATION`` holds the matrices and vectors of a block elimination, packed in one array.
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
        Name of the edge along which the message is sent.
    sender
        Name of the vertex that sent the message, one end of the edge.
    tag
        Number of the computation that the message belongs to: the batch under a rule that learns
        from batches, else 0.
    """

    kind: Kind
    edge: str
    sender: str
    tag: int = 0


class Message:
    """A message along one edge: an array with its key and its sequence number.

    Attributes
    ----------
    key
        Kind, edge, sender and tag.
    sequence
        Sequence number: a number that the sender increases with every step. Of two messages with
        the same key, the one with the larger sequence number is newer. If the sender's host has
        restarted between them, the message sent after the restart is newer.
    array
        Edge vectors, read-only: shape (edge dim, batch) for projections and tensions, any shape
        for other kinds.
    line
        The pair (edge, sender) of the key; it determines the receiver. It is stored because every
        host and group that delivers the message looks it up.
    """

    # Messages and frames are not named tuples, because a compiled class with slots is several
    # times as fast to create and to read.
    __slots__ = ("array", "key", "line", "sequence")

    def __init__(self, key: Key, sequence: int, array: Array) -> None:
        self.key = key
        self.line = key[1], key[2]  # by index, which is faster than by name
        self.sequence = sequence
        self.array = array

    def __repr__(self) -> str:
        return f"Message({self.key}, {self.sequence}, {self.array!r})"
