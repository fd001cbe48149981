"""The port of a vertex of a path at one of its edges, and the messages that pass there."""

from __future__ import annotations

from sheafnet.core.arrays import Array
from sheafnet.core.incidence import Incidence
from sheafnet.dynamics.elimination.sweep import HEAD, SweepMessage, number_of, unpacked
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.messages import Key, Kind
from sheafnet.dynamics.program import EdgeMessage
from sheafnet.dynamics.star import Star


class Port:
    """The edge on one side of a vertex: the latest message from there, and messages to there.

    Parameters
    ----------
    star
        The vertex.
    incidence
        Its end of the edge.
    vectors
        How many a message from there has.
    curvature
        Whether it has a curvature.

    Attributes
    ----------
    dim, batch
        Of the edge vectors.
    """

    def __init__(
        self, star: Star, incidence: Incidence, *, vectors: int, curvature: bool = False
    ) -> None:
        index = star.incidences.index(incidence)
        self.dim, self.batch = star.projections[index].shape
        self._edge = incidence.edge
        self._projection = star.latest_keys[index]
        self._key = Key(Kind.ELIMINATION, incidence.edge, incidence.neighbour)
        self._vectors = vectors
        row = HEAD + vectors * self.dim + (self.dim**2 if curvature else 0)
        self._shape = (self.batch, row)

    def projection(self, inbox: Inbox) -> Array:
        """Return the neighbour's last projection."""
        return inbox[self._projection]

    def number(self, inbox: Inbox) -> int:
        """Return the number of the neighbour's latest message; 0 if there is none that fits."""
        if not inbox.has((self._key,)):
            return 0
        packed = inbox[self._key]
        return number_of(packed) if packed.shape == self._shape else 0

    def latest(self, inbox: Inbox) -> SweepMessage:
        """Return the neighbour's latest message."""
        return unpacked(inbox[self._key], self.dim, self._vectors)

    def outgoing(self, message: SweepMessage) -> EdgeMessage:
        """Return ``message`` as it is sent to the neighbour."""
        return EdgeMessage(Kind.ELIMINATION, self._edge, 0, message.packed())
