"""One end of an edge, as the vertex at that end knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sheafnet.core.arrays import Array
from sheafnet.core.maps import RestrictionMap


@dataclass(frozen=True)
class Incidence:
    """A vertex's own end of an edge: whom it leads to and the map into the edge stalk.

    Attributes
    ----------
    edge
        Name of the edge.
    neighbour
        Name of the vertex at the other end; a name, never the vertex.
    map
        This end's restriction map.
    is_tail
        Whether this end is the tail, which reports the residual.
    leads
        Whether this end comes before the other in the order of the sheaf, and so begins where
        ends take turns.
    """

    edge: str
    neighbour: str
    map: RestrictionMap
    is_tail: bool
    leads: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        # Compiled, an object that cannot be changed cannot be filled after it was made either.
        return type(self), (self.edge, self.neighbour, self.map, self.is_tail, self.leads)

    def force(self, stalk: Array, projection: Array, latest: Array) -> Array:
        """Return this edge's part of ∇E at the vertex, DFᵀ (F x − latest).

        The formula is the same at both ends: the sign of the residual and the sign with
        which the map enters it cancel.

        Parameters
        ----------
        stalk
            x, shape (vertex dim, batch).
        projection
            F x, shape (edge dim, batch).
        latest
            The neighbour's projection onto the same edge stalk.

        Returns
        -------
        numpy.ndarray
            A new array, which the caller may change.
        """
        return self.map.pullback(stalk, projection - latest)

    def residual(self, projection: Array, latest: Array) -> Array:
        """Return r of the edge, tail's projection minus head's, shape (edge dim, batch)."""
        return projection - latest if self.is_tail else latest - projection
