"""A problem to run, as data. The vertices are built from it and keep no reference to it."""

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
    """A sheaf with pins, a start, a rule and stop conditions: the input of a runtime.

    Attributes
    ----------
    sheaf
        The sheaf.
    pins
        Vertex → the pins of its stalk, for every vertex that has any.
    start
        Value of every stalk at the start, shape (dim, batch). Held coordinates have their pinned
        values.
    rule
        The rule that the vertices follow, as the user gave it; see ``fitted_rule``.
    stop
        Conditions on which the run stops.
    resumed
        Snapshot from which training continues; None (default) if training begins, or if the
        rule does not learn in steps.
    """

    sheaf: Sheaf
    pins: Pins
    start: Cochain
    rule: Rule
    stop: Stop
    resumed: Snapshot | None = None

    @cached_property
    def fitted_rule(self) -> Rule:
        """The rule after ``sheafnet.dynamics.rule.Rule.fitted`` for this sheaf and these pins."""
        return self.rule.fitted(self.sheaf, self.pins)

    @cached_property
    def pinned(self) -> frozenset[str]:
        """Vertices whose stalk is held in every coordinate."""
        return wholly_held(self.pins)

    @property
    def stop_tolerance(self) -> float:
        """The stationarity that the user asks for, or the default of the precision."""
        return self.stop.tolerance(self.sheaf.dtype)

    @property
    def tolerance(self) -> float:
        """Largest force at a vertex that counts as stationary; 0 under an exact rule."""
        return 0.0 if self.rule.is_exact else self.stop_tolerance

    def vertices(self) -> list[Vertex]:
        """Return the vertices in the order of the sheaf, each built from its own part alone.

        Raises
        ------
        RuleError
            If the rule cannot begin at a vertex.
        """
        return [self.vertex_spec(name).build() for name in self.sheaf.vertices]

    def vertex_spec(self, name: str) -> VertexSpec:
        """Return the data from which one vertex is built: its own part of the problem.

        Parameters
        ----------
        name
            The vertex.
        """
        incidences = self.sheaf.incidences(name)
        given = incidences, self.start[name], self.constraint(name), self.fitted_rule
        if self.resumed is None:
            return VertexSpec(name, *given)
        known = self.resumed.edge_states
        states = {i.edge: known[i.edge] for i in incidences if i.is_tail and i.edge in known}
        return VertexSpec(name, *given, self.resumed.step, states)

    def constraint(self, name: str) -> Constraint:
        """Return the pins of one vertex, with the set of its held neighbours.

        Parameters
        ----------
        name
            The vertex.
        """
        held = self.pinned.intersection(self.sheaf.graph.neighbours(name))
        return Constraint(self.pins.get(name), held)

    def with_pins(self, pins: Pins) -> "Problem":
        """Return the problem with its pins replaced, and with the start moved to the new pins.

        Parameters
        ----------
        pins
            Vertex → the pins of its stalk.
        """
        start = {v: pins[v].imposed_on(x) if v in pins else x for v, x in self.start.items()}
        return replace(self, pins=pins, start=Cochain(start))

    @cached_property
    def ends_when_stationary(self) -> bool:
        """Whether the run ends when all vertices are stationary; not so if maps always change."""
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
        """Return the message of a run that diverged: the cause, the remedy, and what is kept.

        Parameters
        ----------
        trouble
            The cause, as ``sheafnet.dynamics.vertex.Vertex.trouble`` returns it.
        """
        kept = (
            "maps of the last evaluation are" if self.learns_in_steps else "last finite cochain is"
        )
        return f"diverged: {trouble}; {self.rule.remedy}. The {kept} kept"
