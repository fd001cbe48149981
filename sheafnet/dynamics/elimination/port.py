"""The port: it packs and unpacks the messages of a vertex on one of its edges, for elimination."""

from __future__ import annotations

from sheafnet.core.arrays import Array
from sheafnet.core.incidence import Incidence
from sheafnet.dynamics.elimination.sweep import HEAD, SweepMessage, number_of, unpacked
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.messages import Key, Kind
from sheafnet.dynamics.program import EdgeMessage
from sheafnet.dynamics.star import Star


class Port:
    """The access of a vertex to the messages on one of its edges, for the elimination.

    It unpacks the neighbour's latest message and packs new messages to the neighbour.

    Parameters
    ----------
    star
        Star of the vertex.
    incidence
        The vertex's incidence with the edge.
    vectors
        Number of edge vectors in a message from the neighbour.
    curvature
        Whether a message from the neighbour contains the curvature of a quadratic, as messages
        towards the input do; False by default.

    Attributes
    ----------
    dim, batch
        Dimension of the edge stalk, and number of samples.
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
        """Return the latest projection of the neighbour, shape (dim, batch)."""
        return inbox[self._projection]

    def number(self, inbox: Inbox) -> int:
        """Return the sweep number of the neighbour's latest message.

        It is 0 if no message has arrived, or if the latest message has another shape than expected.
        """
        if not inbox.has((self._key,)):
            return 0
        packed = inbox[self._key]
        return number_of(packed) if packed.shape == self._shape else 0

    def latest(self, inbox: Inbox) -> SweepMessage:
        """Return the neighbour's latest message, unpacked. Call it only if ``number`` is not 0."""
        return unpacked(inbox[self._key], self.dim, self._vectors)

    def outgoing(self, message: SweepMessage) -> EdgeMessage:
        """Return the edge message to the neighbour that contains ``message`` in packed form."""
        return EdgeMessage(Kind.ELIMINATION, self._edge, 0, message.packed())
