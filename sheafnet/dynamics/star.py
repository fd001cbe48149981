"""The star of a vertex: everything that the vertex can see.

That is its own stalk, its own restriction maps, its own projections, and through its inbox the
latest projection of each neighbour. The energy around the vertex and its gradient need nothing
else: this is what "local" means in this project.

The *force* on a vertex is the part of −∇E that can move it. It is 0 on held coordinates and on
coordinates that are settled on a kink; see ``sheafnet.core.local.descent``.
"""

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
    """The pins of a vertex, and its held neighbours.

    Attributes
    ----------
    pins
        Pins of the stalk; None (default) if there are none.
    held_neighbours
        Names of the neighbours whose whole stalk is held by a pin. Under a rule whose vertices take
        turns, a vertex does not wait for these neighbours, because their stalks do not change.
    """

    pins: StalkPins | None = None
    held_neighbours: frozenset[str] = frozenset()


UNCONSTRAINED = Constraint()


class Star:
    """The stalk of a vertex with its incidences, and the local quantities that follow from them.

    The program of the vertex reads the star and never changes it.

    Parameters
    ----------
    name
        Name of the vertex.
    incidences
        The vertex's own ends of its edges: a sequence of
        ``sheafnet.core.incidence.Incidence``, in the order of the sheaf's edges.
    stalk
        Value of the stalk at the start, shape (dim, batch).
    constraint
        Pins of the vertex, and its neighbours whose stalk is wholly held. By default there are
        neither.
    send_threshold
        Start value of the attribute ``send_threshold``; 0 (default) or more.

    Attributes
    ----------
    name, incidences, constraint
        Name of the vertex, incidences with their present maps, and present constraint.
    stalk
        Present value x of the stalk, shape (dim, batch), read-only.
    projections
        F x on every edge, in the order of the incidences, each of shape (edge dim, batch).
    send_threshold
        Largest force that needs no step, and largest change of a projection that need not be sent.
        If it is positive, the vertices of a converged network stop sending. If it is 0, every
        nonzero force needs a step and every change is sent.
    sequence
        Present sequence number of the star, 0 at first. It grows with every step, also with a step
        that sends no messages, and whenever messages are sent without a step. A message contains
        the sequence number after this growth.
    tag
        Number of the computation that the stalk belongs to: the batch under a rule that learns
        from batches, else 0. The latest projections have the same tag.
    latest_keys
        Key of the latest projection of each neighbour, in the order of the incidences.
    has_kinks
        Whether the energy around the vertex has a derivative that jumps where a coordinate is 0.
    turns
        A pair for each neighbour whose stalk is not wholly held: the key of its projection, and 1
        if this vertex comes before the neighbour in the sheaf and therefore takes the first turn,
        else 0.
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
        # Version of the inbox from which the force was computed; −1 if the stalk has moved since.
        self._seen = -1
        self.move(stalk)

    def twin(self) -> "Star":
        """Return a star with the same vertex, stalk and maps but no pins, for another batch."""
        return Star(self.name, self.incidences, self.stalk, self.constraint._replace(pins=None))

    def constrain(self, constraint: Constraint) -> None:
        """Replace the pins of the vertex and the set of its held neighbours.

        Parameters
        ----------
        constraint
            The new pins and held neighbours. The stalk keeps its value, also in coordinates that
            the new pins hold at another value.
        """
        self.constraint = constraint
        self.turns = tuple(
            (key, int(inc.leads))
            for inc, key in zip(self.incidences, self.latest_keys, strict=True)
            if inc.neighbour not in constraint.held_neighbours
        )

    @property
    def pins(self) -> StalkPins | None:
        """The pins of the stalk; None if there are none."""
        return self.constraint.pins

    @property
    def pinned(self) -> bool:
        """Whether every coordinate of the stalk is held by a hard pin."""
        return self.pins is not None and self.pins.whole

    def turn_to(self, tag: int) -> None:
        """Set the tag of the star, and of the projections that it reads from the inbox.

        Parameters
        ----------
        tag
            Number of the computation that the stalk belongs to from now on.
        """
        if tag != self.tag:
            self.tag = tag
            self.latest_keys = self._keys()
            self._received_all = False

    def _keys(self) -> tuple[Key, ...]:
        return tuple(
            [Key(Kind.PROJECTION, inc.edge, inc.neighbour, self.tag) for inc in self.incidences]
        )

    def move(self, stalk: Array) -> None:
        """Set the stalk, and project it onto every edge.

        Parameters
        ----------
        stalk
            New value, shape (dim, batch). The array is not copied; it becomes read-only.
        """
        self.stalk = frozen(stalk)
        # A list comprehension is faster than a generator here.
        self.projections = tuple([frozen(inc.map.apply(stalk)) for inc in self.incidences])
        self._seen = -1

    def learn(self, maps: Mapping[str, RestrictionMap]) -> None:
        """Replace restriction maps of the vertex; the next ``move`` computes new projections.

        Parameters
        ----------
        maps
            Edge → the new map at the vertex's own end. On all other edges the map stays the same.
        """
        self.incidences = tuple(
            replace(inc, map=maps[inc.edge]) if inc.edge in maps else inc for inc in self.incidences
        )

    @property
    def curvature(self) -> float:
        """Upper bound d on the curvature of the energy of the vertex's own edges and pins.

        On any graph the sheaf Laplacian is at most 2 diag(d), as a quadratic form. Therefore, if
        the maps are linear, the energy of the whole sheaf falls when every vertex takes a step
        −η ∇E with η < 1/d. Each vertex needs only its own d. When a step passes the kink of a gate,
        the energy may rise for a while.
        """
        # sum() rounds differently in other versions of Python and when compiled.
        total = 0.0
        for inc in self.incidences:
            total += inc.map.curvature
        return total if self.pins is None else total + float(self.pins.weight.max())

    @property
    def longest_step(self) -> float:
        """The limit 1/d below which a step size η is safe, where d is the bound ``curvature``.

        With η < 1/d the step −η ∇E lowers the energy. If d is 0, the energy does not depend on the
        stalk, no step is needed, and the limit is set to 0.

        Raises
        ------
        RuleError
            If a map at the vertex has no finite bound on its curvature.
        """
        curvature = float(self.curvature)
        if not 0.0 <= curvature < math.inf:
            raise RuleError(
                f"the curvature bound at {self.name!r} is {curvature}, from which no step follows; "
                "mend the maps there, or use the rule 'heat' with a dt"
            )
        return 1.0 / curvature if curvature > 0.0 else 0.0

    def received_all(self, inbox: Inbox) -> bool:
        """Return whether a projection with the tag of the star has arrived on every incidence.

        Parameters
        ----------
        inbox
            Inbox of the vertex.
        """
        self._received_all = self._received_all or inbox.has(self.latest_keys)
        return self._received_all

    def descent(self, inbox: Inbox) -> Array:
        """Return the negative of the force on the vertex, shape (dim, batch), read-only.

        This is the part of ∇E that can move the vertex, computed from the latest projection of
        each neighbour; see ``sheafnet.core.local.descent``. A step of gradient descent is
        x − η times this array.

        Parameters
        ----------
        inbox
            Inbox of the vertex.

        Raises
        ------
        KeyError
            If on some incidence no projection has arrived yet; see ``received_all``.
        """
        if self._seen != inbox.version:
            self._update_force(inbox)
        return self._descent

    def stationarity(self, inbox: Inbox) -> float:
        """Return the largest magnitude of the force on the vertex, over coordinates and samples.

        The result is NaN if an entry of the force is NaN.

        Parameters
        ----------
        inbox
            Inbox of the vertex.

        Raises
        ------
        KeyError
            If on some incidence no projection has arrived yet; see ``received_all``.
        """
        if self._seen != inbox.version:
            self._update_force(inbox)
        return self._stationarity

    def _update_force(self, inbox: Inbox) -> None:
        """Compute the force and its largest magnitude for the present version of the inbox."""
        ends, pins, latest = self.incidences, self.constraint.pins, self.latest(inbox)
        if pins is None and not self.has_kinks:
            force = local.gradient(ends, None, self.stalk, self.projections, latest)
        else:
            force = local.descent(ends, pins, self.stalk, self.projections, latest)
        # This comes before the array is frozen, because NumPy would copy a read-only array here.
        self._stationarity = largest(force)
        self._descent: Array = frozen(force)
        self._seen = inbox.version

    def latest(self, inbox: Inbox) -> list[Array]:
        """Return the latest projection of each neighbour, in the order of the incidences.

        Parameters
        ----------
        inbox
            Inbox of the vertex.

        Returns
        -------
        list of numpy.ndarray
            Arrays of shape (edge dim, batch).

        Raises
        ------
        KeyError
            If on some incidence no projection has arrived yet; see ``received_all``.
        """
        return [inbox[key] for key in self.latest_keys]

    def energy(self, inbox: Inbox) -> float:
        """Return the energy of the edges whose tail is this vertex, and of its soft pins.

        The energy is summed over the samples.

        Parameters
        ----------
        inbox
            Inbox of the vertex.

        Raises
        ------
        KeyError
            If on some incidence no projection has arrived yet; see ``received_all``.
        """
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
        """Return the energy that all edges and soft pins of the vertex would have with stalk ``x``.

        The energy is summed over the samples.

        Parameters
        ----------
        x
            A stalk of the vertex, shape (dim, batch).
        latest
            Projections of the neighbours, one for each incidence, as ``latest`` returns them.
        """
        total = 0.0
        for inc, other in zip(self.incidences, latest, strict=True):
            total += inc.map.energy(x, inc.map.apply(x), other)
        if self.pins is not None:
            for spring in self.pins.springs:
                total += 0.5 * float((spring.residual(x) ** 2).sum())
        return total

    def pin_residuals(self) -> dict[str, Array]:
        """Return the residual √γ (x − value) of every soft pin of the vertex, by name of the pin.

        Here x is the stalk and γ the strength of the pin in each coordinate. Each array has shape
        (dim, batch).
        """
        springs = () if self.pins is None else self.pins.springs
        return {spring.name: spring.residual(self.stalk) for spring in springs}

    def residuals(self, inbox: Inbox) -> dict[str, Array]:
        """Return the residual of every edge whose tail is this vertex, by name of the edge.

        A residual is the tail's projection minus the head's, shape (edge dim, batch).

        Parameters
        ----------
        inbox
            Inbox of the vertex.

        Raises
        ------
        KeyError
            If on some incidence no projection has arrived yet; see ``received_all``.
        """
        return {
            inc.edge: inc.residual(own, other)
            for inc, own, other in zip(
                self.incidences, self.projections, self.latest(inbox), strict=True
            )
            if inc.is_tail
        }
