"""The star of a vertex: all that it can see.

Its own stalk, its own restriction maps, its own projections, and through an inbox the latest
projection of each neighbour. The local energy and its gradient need nothing else, which is
the whole claim of locality.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from sheafnet.core import local
from sheafnet.core.arrays import Array, frozen, largest
from sheafnet.core.incidence import Incidence
from sheafnet.core.maps import RestrictionMap
from sheafnet.core.stalkpins import StalkPins
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.messages import Key, Kind
from sheafnet.errors import RuleError


class Constraint(NamedTuple):
    """What is pinned at a vertex, and next to it.

    Attributes
    ----------
    pins
        The pins of its stalk.
    held_neighbours
        Neighbours whose stalk is wholly held, so that they never have anything new to say.
    """

    pins: StalkPins | None = None
    held_neighbours: frozenset[str] = frozenset()


UNCONSTRAINED = Constraint()


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
    constraint
        What is pinned here and at the neighbours.
    send_threshold
        See below.

    Attributes
    ----------
    send_threshold
        A force or a change of a projection that is no larger than this is not worth a step or
        a message, so that a converged network falls silent. 0 acts on everything.
    sequence
        Of the last message that was sent.
    tag
        Which computation the stalk belongs to; the latest projections are of the same one.
    latest_keys
        Key of the latest projection of each neighbour, in the order of the incidences.
    has_kinks
        Whether the energy around the vertex has a derivative that jumps at 0.
    turns
        For each neighbour that can move, the key of its projection and 1 if this vertex goes first.
    """

    def __init__(
        self,
        name: str,
        incidences: Sequence[Incidence],
        stalk: Array,
        constraint: Constraint = UNCONSTRAINED,
        send_threshold: float = 0.0,
    ) -> None:
        self.name = name
        self.incidences = tuple(incidences)
        self.tag = 0
        self.latest_keys = self._keys()
        self.constrain(constraint)
        self.send_threshold = send_threshold
        self.sequence = 0
        self.has_kinks = any(inc.map.kink for inc in self.incidences)
        self._received_all = False
        # Version of the inbox that the force was worked out from; none since the last move.
        self._seen = -1
        self.move(stalk)

    def twin(self) -> Star:
        """Return the vertex as it is for another computation, with nothing pinned yet."""
        return Star(self.name, self.incidences, self.stalk, self.constraint._replace(pins=None))

    def constrain(self, constraint: Constraint) -> None:
        """Be pinned like this from now on, the neighbours too."""
        self.constraint = constraint
        self.turns = tuple(
            (key, int(inc.leads))
            for inc, key in zip(self.incidences, self.latest_keys, strict=True)
            if inc.neighbour not in constraint.held_neighbours
        )

    @property
    def pins(self) -> StalkPins | None:
        """The pins of the stalk."""
        return self.constraint.pins

    @property
    def pinned(self) -> bool:
        """Whether the whole stalk is held."""
        return self.pins is not None and self.pins.whole

    def turn_to(self, tag: int) -> None:
        """Belong to another computation from now on."""
        if tag != self.tag:
            self.tag = tag
            self.latest_keys = self._keys()
            self._received_all = False

    def _keys(self) -> tuple[Key, ...]:
        return tuple(
            [Key(Kind.PROJECTION, inc.edge, inc.neighbour, self.tag) for inc in self.incidences]
        )

    def move(self, stalk: Array) -> None:
        """Take ``stalk`` as the new value and project it onto every edge."""
        self.stalk = frozen(stalk)
        # A list is made faster than a generator is run.
        self.projections = tuple([frozen(inc.map.apply(stalk)) for inc in self.incidences])
        self._seen = -1

    def learn(self, maps: Mapping[str, RestrictionMap]) -> None:
        """Have other maps at these edges from the next move on."""
        self.incidences = tuple(
            replace(inc, map=maps[inc.edge]) if inc.edge in maps else inc for inc in self.incidences
        )

    @property
    def curvature(self) -> float:
        """Upper bound d on the curvature of the vertex's own incident energy.

        On any graph the Laplacian is at most 2 diag(d), so that where the maps are linear a
        step below 1/d at every vertex descends with no global knowledge. Across the kink of a
        gate the energy may rise for a while.
        """
        # Compiled or not, and in every version of Python, to the same bit: sum() is not.
        total = 0.0
        for inc in self.incidences:
            total += inc.map.curvature
        return total if self.pins is None else total + float(self.pins.weight.max())

    @property
    def longest_step(self) -> float:
        """1/d, below which a step against ∇E descends; 0 where nothing pulls.

        Raises
        ------
        RuleError
            If a map gives no bound on its curvature.
        """
        curvature = float(self.curvature)
        if not 0.0 <= curvature < math.inf:
            raise RuleError(
                f"the curvature bound at {self.name!r} is {curvature}, from which no step follows; "
                "mend the maps there, or use the rule 'heat' with a dt"
            )
        return 1.0 / curvature if curvature > 0.0 else 0.0

    def received_all(self, inbox: Inbox) -> bool:
        """Return whether a projection has arrived on every incidence."""
        self._received_all = self._received_all or inbox.has(self.latest_keys)
        return self._received_all

    def descent(self, inbox: Inbox) -> Array:
        """Return the part of ∇E that can move the vertex, shape (dim, batch).

        From the latest projection of each neighbour; see ``core.local.descent``.
        """
        if self._seen != inbox.version:
            self._update_force(inbox)
        return self._descent

    def stationarity(self, inbox: Inbox) -> float:
        """Return the largest force that can move the vertex, over coordinates and samples."""
        if self._seen != inbox.version:
            self._update_force(inbox)
        return self._stationarity

    def _update_force(self, inbox: Inbox) -> None:
        """Work out the force, and the largest part of it."""
        ends, pins, latest = self.incidences, self.constraint.pins, self.latest(inbox)
        if pins is None and not self.has_kinks:
            force = local.gradient(ends, None, self.stalk, self.projections, latest)
        else:
            force = local.descent(ends, pins, self.stalk, self.projections, latest)
        # Before it is frozen: NumPy searches a copy of what it may not write to.
        self._stationarity = largest(force)
        self._descent: Array = frozen(force)
        self._seen = inbox.version

    def latest(self, inbox: Inbox) -> list[Array]:
        """Return the latest projection of the neighbour on every incidence."""
        return [inbox[key] for key in self.latest_keys]

    def energy(self, inbox: Inbox) -> float:
        """Return the energy of the edges that this vertex is the tail of, and of its pins."""
        total = 0.0
        for inc, own, other in zip(
            self.incidences, self.projections, self.latest(inbox), strict=True
        ):
            if inc.is_tail:
                total += inc.map.energy(self.stalk, own, other)
        for residual in self.pin_residuals().values():
            total += 0.5 * float((residual * residual).sum())
        return total

    def energy_at(self, x: Array, latest: Sequence[Array]) -> float:
        """Return the energy of all edges and pins of the vertex, if its stalk were ``x``."""
        total = 0.0
        for inc, other in zip(self.incidences, latest, strict=True):
            total += inc.map.energy(x, inc.map.apply(x), other)
        if self.pins is not None:
            for spring in self.pins.springs:
                total += 0.5 * float((spring.residual(x) ** 2).sum())
        return total

    def pin_residuals(self) -> dict[str, Array]:
        """Return √γ (x − value) of every soft pin here."""
        springs = () if self.pins is None else self.pins.springs
        return {spring.name: spring.residual(self.stalk) for spring in springs}

    def residuals(self, inbox: Inbox) -> dict[str, Array]:
        """Return the residual of each edge that this vertex is the tail of."""
        return {
            inc.edge: inc.residual(own, other)
            for inc, own, other in zip(
                self.incidences, self.projections, self.latest(inbox), strict=True
            )
            if inc.is_tail
        }
