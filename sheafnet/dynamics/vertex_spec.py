"""The specification of a vertex: data from which a host, in any process, builds the vertex."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sheafnet.core.arrays import Array
from sheafnet.core.incidence import Incidence
from sheafnet.dynamics.rule import Rule
from sheafnet.dynamics.star import Constraint, Star
from sheafnet.dynamics.training.learning_rule import BatchRule
from sheafnet.dynamics.training_state import EdgeState
from sheafnet.dynamics.vertex import Vertex


@dataclass(frozen=True, eq=False)
class VertexSpec:
    """The data from which one vertex is built: only its own part of the problem.

    Attributes
    ----------
    name
        Name of the vertex.
    incidences
        The vertex's own ends of its edges, in the order of the sheaf's edges.
    stalk
        Value of the stalk at the start, shape (dim, batch).
    constraint
        Pins of the vertex, and its neighbours whose stalk is wholly held.
    rule
        The rule, fitted to the sheaf and the pins.
    step
        Number of the training step after which the vertex resumes training; None (default) if it
        starts from the beginning.
    edge_states
        Edge → its state after training step ``step``, for the edges whose tail is this vertex.
        Empty (default) if ``step`` is None.
    """

    name: str
    incidences: tuple[Incidence, ...]
    stalk: Array
    constraint: Constraint
    rule: Rule
    step: int | None = None
    edge_states: Mapping[str, EdgeState] = field(default_factory=dict)

    def build(self, send_threshold: float = 0.0) -> Vertex:
        """Return a new vertex with the data of this specification; it has not sent messages yet.

        Parameters
        ----------
        send_threshold
            Largest force that needs no step, and largest change of a projection that need not be
            sent; see ``sheafnet.dynamics.star.Star``. 0 (default) sends every change.

        Raises
        ------
        RuleError
            If the rule cannot start at this vertex; see ``sheafnet.dynamics.rule.Rule.start``.
        """
        star = Star(self.name, self.incidences, self.stalk, self.constraint, send_threshold)
        star.learn({edge: it.map for edge, it in self.edge_states.items() if it.map is not None})
        program = self.rule.start(star)
        if isinstance(self.rule, BatchRule):
            # These pins hold the data of all samples. The program keeps them and gives the star
            # new pins for each batch.
            star.constrain(star.constraint._replace(pins=None))
        if self.step is not None:
            program.recall(self.step, next(iter(self.edge_states.values()), None))
        return Vertex(star, program)
