"""One side of a vertex of a path, and the words that pass there."""

from __future__ import annotations

from sheafnet.core.arrays import Array
from sheafnet.core.incidence import Incidence
from sheafnet.dynamics.elimination.sweep import HEAD, Word, number_of, unpacked
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.messages import Key, Kind
from sheafnet.dynamics.program import Letter
from sheafnet.dynamics.star import Star


class Side:
    """The edge on one side of a vertex: what is heard from there, and said to there.

    Parameters
    ----------
    star
        The vertex.
    incidence
        Its end of the edge.
    vectors
        How many a word from there has.
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
        place = star.incidences.index(incidence)
        self.dim, self.batch = star.projections[place].shape
        self._edge = incidence.edge
        self._projection = star.heard_keys[place]
        self._key = Key(Kind.ELIMINATION, incidence.edge, incidence.neighbour)
        self._vectors = vectors
        row = HEAD + vectors * self.dim + (self.dim**2 if curvature else 0)
        self._shape = (self.batch, row)

    def projection(self, inbox: Inbox) -> Array:
        """Return the neighbour's last projection."""
        return inbox[self._projection]

    def number(self, inbox: Inbox) -> int:
        """Return the number of the neighbour's last word; 0 if there is none that fits."""
        if not inbox.has((self._key,)):
            return 0
        packed = inbox[self._key]
        return number_of(packed) if packed.shape == self._shape else 0

    def word(self, inbox: Inbox) -> Word:
        """Return the neighbour's last word."""
        return unpacked(inbox[self._key], self.dim, self._vectors)

    def letter(self, word: Word) -> Letter:
        """Return ``word`` as it is said to the neighbour."""
        return Letter(Kind.ELIMINATION, self._edge, 0, word.packed())
