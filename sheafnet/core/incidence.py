"""One end of an edge: the data that the vertex at that end holds about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sheafnet.core.arrays import Array
from sheafnet.core.maps import RestrictionMap


@dataclass(frozen=True)
class Incidence:
    """One end of an edge: the neighbour's name and the map of this end into the edge stalk.

    Attributes
    ----------
    edge
        Name of the edge.
    neighbour
        Name of the vertex at the other end. It is only a name: the vertex itself cannot be
        reached from here.
    map
        Restriction map of this end.
    is_tail
        Whether this end is the tail of the edge. The tail reports the residual.
    leads
        Whether this end comes before the other in the order of the sheaf. Where the two ends of
        an edge take turns, this end then steps first.
    """

    edge: str
    neighbour: str
    map: RestrictionMap
    is_tail: bool
    leads: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        # In a compiled frozen dataclass pickle cannot set the fields; it calls the constructor.
        return type(self), (self.edge, self.neighbour, self.map, self.is_tail, self.leads)

    def force(self, stalk: Array, projection: Array, latest: Array) -> Array:
        """Return the contribution of this edge to ∇E at the vertex, DFᵀ (F x − latest).

        The formula is the same at both ends. With r the tail's projection minus the head's, the
        contribution is DFᵀ r at the tail, where r = F x − latest, and −DFᵀ r at the head, where
        r = latest − F x.

        Parameters
        ----------
        stalk
            Stalk x of the vertex, shape (vertex dim, batch).
        projection
            F x, the projection of x onto the edge stalk, shape (edge dim, batch).
        latest
            Latest known projection of the neighbour onto the same edge stalk, shape
            (edge dim, batch).

        Returns
        -------
        numpy.ndarray
            Shape (vertex dim, batch); a new array, which the caller may change.
        """
        return self.map.pullback(stalk, projection - latest)

    def residual(self, projection: Array, latest: Array) -> Array:
        """Return the residual of the edge: tail minus head projection.

        Parameters
        ----------
        projection
            Projection of this vertex, shape (edge dim, batch).
        latest
            Latest known projection of the neighbour, shape (edge dim, batch).
        """
        return projection - latest if self.is_tail else latest - projection
