"""One end of an edge: the data that the vertex at this end holds about the edge."""

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
        Name of the vertex at the other end. An incidence has no reference to the vertex itself.
    map
        Restriction map from the stalk of this end into the edge stalk.
    is_tail
        Whether this end is the tail of the edge. Only the vertex at the tail reports the residual
        of the edge.
    leads
        Whether the vertex at this end comes before the neighbour in the vertex order of the sheaf.
        Under some rules the two vertices of an edge step in turn. The vertex that comes before the
        other then takes the first step.
    """

    edge: str
    neighbour: str
    map: RestrictionMap
    is_tail: bool
    leads: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        # If the class is compiled, pickle cannot set the fields of a frozen instance. With this
        # method pickle calls the constructor instead.
        return type(self), (self.edge, self.neighbour, self.map, self.is_tail, self.leads)

    def force(self, stalk: Array, projection: Array, latest: Array) -> Array:
        """Return the contribution DFᵀ (F x − latest) of this edge to ∇E at the vertex.

        F is the map of this end, and DFᵀ the transpose of its derivative at x. The formula is the
        same at both ends. Let r be the residual, the tail's projection minus the head's. At the
        tail r = F x − latest, and the contribution is DFᵀ r. At the head r = latest − F x, and the
        contribution is −DFᵀ r.

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
            Shape (vertex dim, batch). The caller may change the array.
        """
        return self.map.pullback(stalk, projection - latest)

    def residual(self, projection: Array, latest: Array) -> Array:
        """Return the residual of the edge: the tail's projection minus the head's.

        Parameters
        ----------
        projection
            Projection of the vertex at this end, shape (edge dim, batch).
        latest
            Latest known projection of the neighbour, shape (edge dim, batch).
        """
        return projection - latest if self.is_tail else latest - projection
