"""The specification of a vertex: data only, which can travel where the vertex itself cannot."""

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
    """One vertex at its start, with its own part of the sheaf alone.

    Attributes
    ----------
    name
        The vertex.
    incidences
        Its ends of its edges.
    stalk
        Start value, shape (dim, batch).
    constraint
        What is pinned here and at the neighbours.
    rule
        What it does, fitted to the sheaf and the pins.
    step
        After which step of training it goes on; None if it begins.
    edge_states
        Edge → what was kept of it after that step, for the edges that it is the tail of.
    """

    name: str
    incidences: tuple[Incidence, ...]
    stalk: Array
    constraint: Constraint
    rule: Rule
    step: int | None = None
    edge_states: Mapping[str, EdgeState] = field(default_factory=dict)

    def build(self, send_threshold: float = 0.0) -> Vertex:
        """Return the actor, which acts on anything larger than ``send_threshold``."""
        star = Star(self.name, self.incidences, self.stalk, self.constraint, send_threshold)
        star.learn({edge: it.map for edge, it in self.edge_states.items() if it.map is not None})
        program = self.rule.start(star)
        if isinstance(self.rule, BatchRule):
            # They are of all samples: the program has them, and pins the star to each batch.
            star.constrain(star.constraint._replace(pins=None))
        if self.step is not None:
            program.recall(self.step, next(iter(self.edge_states.values()), None))
        return Vertex(star, program)
