"""A problem to run: data only. The vertices are made from it, and then never see it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from sheafnet.core.cochain import Cochain
from sheafnet.core.sheaf import Sheaf
from sheafnet.core.stalkpins import Pins, wholly_held
from sheafnet.dynamics.rule import Rule
from sheafnet.dynamics.star import Constraint
from sheafnet.dynamics.training.learning_rule import BatchRule, LearningRule
from sheafnet.dynamics.vertex import Vertex
from sheafnet.dynamics.vertex_spec import VertexSpec
from sheafnet.runtime.snapshot import Snapshot
from sheafnet.runtime.stop import Stop


@dataclass(frozen=True)
class Problem:
    """What to relax, from where, how, and until when.

    Attributes
    ----------
    sheaf
        The sheaf.
    pins
        The pins of every stalk that has any.
    start
        Value of every stalk at the start, held coordinates at their values.
    rule
        What each free vertex does, as it was asked for.
    stop
        When to stop.
    resumed
        What training goes on from, if it does not begin.
    """

    sheaf: Sheaf
    pins: Pins
    start: Cochain
    rule: Rule
    stop: Stop
    resumed: Snapshot | None = None

    @cached_property
    def fitted_rule(self) -> Rule:
        """The rule, fitted to the sheaf and the pins."""
        return self.rule.fitted(self.sheaf, self.pins)

    @cached_property
    def pinned(self) -> frozenset[str]:
        """Vertices whose stalk is wholly held."""
        return wholly_held(self.pins)

    @property
    def stop_tolerance(self) -> float:
        """Stationarity that was asked for."""
        return self.stop.tolerance(self.sheaf.dtype)

    @property
    def tolerance(self) -> float:
        """Stationarity at which a vertex is done: none at all under a rule that is exact."""
        return 0.0 if self.rule.is_exact else self.stop_tolerance

    def vertices(self) -> list[Vertex]:
        """Return the actors, in the order of the sheaf, each with its own part alone."""
        return [self.vertex_spec(name).build() for name in self.sheaf.vertices]

    def vertex_spec(self, name: str) -> VertexSpec:
        """Return what one actor is made from, its own part alone."""
        incidences = self.sheaf.incidences(name)
        given = incidences, self.start[name], self.constraint(name), self.fitted_rule
        if self.resumed is None:
            return VertexSpec(name, *given)
        known = self.resumed.edge_states
        states = {i.edge: known[i.edge] for i in incidences if i.is_tail and i.edge in known}
        return VertexSpec(name, *given, self.resumed.step, states)

    def constraint(self, name: str) -> Constraint:
        """Return what is pinned at one vertex and next to it."""
        held = self.pinned.intersection(self.sheaf.graph.neighbours(name))
        return Constraint(self.pins.get(name), held)

    def with_pins(self, pins: Pins) -> Problem:
        """Return the problem with these pins, and no others."""
        start = {v: pins[v].imposed_on(x) if v in pins else x for v, x in self.start.items()}
        return replace(self, pins=pins, start=Cochain(start))

    @cached_property
    def ends_when_stationary(self) -> bool:
        """Whether the run is over when every vertex is done; not where maps move all the time."""
        return self.learns_in_steps or not self.learns

    @cached_property
    def learns(self) -> bool:
        """Whether vertices change their maps."""
        return isinstance(self.rule, LearningRule)

    @cached_property
    def learns_in_steps(self) -> bool:
        """Whether vertices change their maps in steps, one for each batch."""
        return isinstance(self.rule, BatchRule)

    def divergence(self, trouble: str) -> str:
        """Say what blew up, and what to do."""
        kept = (
            "maps of the last evaluation are" if self.learns_in_steps else "last finite cochain is"
        )
        return f"diverged: {trouble}; {self.rule.remedy}. The {kept} kept"
