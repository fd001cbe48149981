"""The star of a vertex: all that it can see.

Its own stalk, its own restriction maps, its own projections, and through an inbox the last
projection of each neighbour. The local energy and its gradient need nothing else, which is
the whole claim of locality.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sheafnet.core.arrays import Array, frozen, largest
from sheafnet.core.incidence import Incidence
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.messages import Key, Kind


class Star:
    """A stalk, the incidences of its vertex, and what they compute together.

    Parameters
    ----------
    name
        The vertex.
    incidences
        Its ends of its edges.
    stalk
        Start value, shape (dim, batch).
    pinned
        Whether the whole stalk is held.

    Attributes
    ----------
    quiet
        A force or a change of a projection that is no larger than this is not worth a step or
        a message, so that a converged network falls silent. 0 acts on everything.
    """

    def __init__(
        self, name: str, incidences: Sequence[Incidence], stalk: Array, *, pinned: bool = False
    ) -> None:
        self.name = name
        self.incidences = tuple(incidences)
        self.pinned = pinned
        self.heard_keys = tuple(
            Key(Kind.PROJECTION, inc.edge, inc.neighbour) for inc in self.incidences
        )
        self.quiet = 0.0
        self._heard_all = False
        self._gradient_version = -1
        self._stationarity_version = -1
        self.move(stalk)

    def move(self, stalk: Array) -> None:
        """Take ``stalk`` as the new value and project it onto every edge."""
        self.stalk = frozen(stalk)
        self.projections = tuple(frozen(inc.map.apply(stalk)) for inc in self.incidences)
        self._gradient_version = self._stationarity_version = -1

    @property
    def curvature(self) -> float:
        """Upper bound d on the curvature of the vertex's own incident energy.

        On any graph the Laplacian is at most 2 diag(d), so that where the maps are linear a
        step below 1/d at every vertex descends with no global knowledge. Across the kink of a
        gate the energy may rise for a while.
        """
        return sum(inc.map.curvature for inc in self.incidences)

    def heard_all(self, inbox: Inbox) -> bool:
        """Return whether every neighbour has said its projection at least once."""
        self._heard_all = self._heard_all or inbox.has(self.heard_keys)
        return self._heard_all

    def gradient(self, inbox: Inbox) -> Array:
        """Return ∇E at this vertex, shape (dim, batch), from the last word of each neighbour."""
        if self._gradient_version != inbox.version:
            self._gradient: Array = frozen(self._sum_of_forces(inbox))
            self._gradient_version = inbox.version
        return self._gradient

    def _sum_of_forces(self, inbox: Inbox) -> Array:
        forces = [
            inc.force(self.stalk, projection, inbox[key])
            for inc, projection, key in zip(
                self.incidences, self.projections, self.heard_keys, strict=True
            )
        ]
        if not forces:
            return np.zeros_like(self.stalk)
        total = forces[0]
        for force in forces[1:]:
            total += force
        return total

    def stationarity(self, inbox: Inbox) -> float:
        """Return the largest |∇E| over coordinates and samples, whether pinned or not."""
        if self._stationarity_version != inbox.version:
            self._stationarity = largest(self.gradient(inbox))
            self._stationarity_version = inbox.version
        return self._stationarity

    def residuals(self, inbox: Inbox) -> dict[str, Array]:
        """Return the residual of each edge that this vertex is the tail of."""
        return {
            inc.edge: inc.residual(projection, inbox[key])
            for inc, projection, key in zip(
                self.incidences, self.projections, self.heard_keys, strict=True
            )
            if inc.is_tail
        }
