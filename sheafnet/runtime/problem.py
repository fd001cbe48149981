"""The problem that a runtime runs. Vertices are built from it, but keep no reference to it."""

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
        The sheaf whose vertices step.
    pins
        Vertex → the pins of its stalk, for every vertex that has pins.
    start
        Value of every stalk at the start, shape (dim, batch). Held coordinates have their pinned
        values.
    rule
        The rule as the user gave it. The vertices follow ``fitted_rule``.
    stop
        Conditions under which the run stops.
    resumed
        Snapshot from which training is resumed. None (default) if training starts at step 0, or if
        the rule does not learn from batches.
    """

    sheaf: Sheaf
    pins: Pins
    start: Cochain
    rule: Rule
    stop: Stop
    resumed: Snapshot | None = None

    @cached_property
    def fitted_rule(self) -> Rule:
        """The rule, with a value for every setting that the user left None.

        ``sheafnet.dynamics.rule.Rule.fitted`` chooses these values for the sheaf and the pins.
        """
        return self.rule.fitted(self.sheaf, self.pins)

    @cached_property
    def pinned(self) -> frozenset[str]:
        """Vertices whose stalk is held in every coordinate."""
        return wholly_held(self.pins)

    @property
    def stop_tolerance(self) -> float:
        """``stop.stationarity`` if it is set, else the default for the dtype of the sheaf."""
        return self.stop.tolerance(self.sheaf.dtype)

    @property
    def tolerance(self) -> float:
        """Largest force at which a vertex counts as stationary during the run.

        It is 0 under an exact rule, that is a rule under which the forces become exactly 0; see
        ``sheafnet.dynamics.rule.Rule.is_exact``. Under any other rule it is ``stop_tolerance``. On
        hosts, the final check of the assembled cochain always uses ``stop_tolerance``.
        """
        return 0.0 if self.rule.is_exact else self.stop_tolerance

    def vertices(self) -> list[Vertex]:
        """Return the vertices in the order of the sheaf, each built from its ``vertex_spec`` alone.

        Raises
        ------
        RuleError
            If the rule has no program for a vertex; see ``sheafnet.dynamics.rule.Rule.start``.
        """
        return [self.vertex_spec(name).build() for name in self.sheaf.vertices]

    def vertex_spec(self, name: str) -> VertexSpec:
        """Return the data from which one vertex is built: its maps, its pins and its start.

        Parameters
        ----------
        name
            Name of the vertex.
        """
        incidences = self.sheaf.incidences(name)
        given = incidences, self.start[name], self.constraint(name), self.fitted_rule
        if self.resumed is None:
            return VertexSpec(name, *given)
        known = self.resumed.edge_states
        states = {i.edge: known[i.edge] for i in incidences if i.is_tail and i.edge in known}
        return VertexSpec(name, *given, self.resumed.step, states)

    def constraint(self, name: str) -> Constraint:
        """Return the pins of one vertex and the set of its wholly held neighbours.

        Parameters
        ----------
        name
            Name of the vertex.
        """
        held = self.pinned.intersection(self.sheaf.graph.neighbours(name))
        return Constraint(self.pins.get(name), held)

    def with_pins(self, pins: Pins) -> "Problem":
        """Return a copy of the problem in which ``pins`` replaces all pins.

        In the start of the copy, every coordinate held by a new hard pin has the value of this pin.
        All other coordinates have their present start values.

        Parameters
        ----------
        pins
            Vertex → the pins of its stalk. A vertex that is not in it has no pins in the copy.
        """
        start = {v: pins[v].imposed_on(x) if v in pins else x for v, x in self.start.items()}
        return replace(self, pins=pins, start=Cochain(start))

    @cached_property
    def ends_when_stationary(self) -> bool:
        """Whether the run ends when all vertices are stationary and no batch is left.

        False under a rule that updates maps but does not learn from batches: its maps change in
        every step, until the run is stopped or its budget is used up.
        """
        return self.learns_in_steps or not self.learns

    @cached_property
    def learns(self) -> bool:
        """Whether the rule changes restriction maps."""
        return isinstance(self.rule, LearningRule)

    @cached_property
    def learns_in_steps(self) -> bool:
        """Whether the rule changes restriction maps in steps of training, one for each batch."""
        return isinstance(self.rule, BatchRule)

    def divergence(self, trouble: str) -> str:
        """Return the message of a run that diverged: the cause, the remedy, and the result kept.

        Parameters
        ----------
        trouble
            The cause, as ``sheafnet.dynamics.vertex.Vertex.trouble`` returns it.
        """
        kept = (
            "maps of the last evaluation are" if self.learns_in_steps else "last finite cochain is"
        )
        return f"diverged: {trouble}; {self.rule.remedy}. The {kept} kept"
