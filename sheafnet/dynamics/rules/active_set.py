"""Active-set, a Newton method that solves for one activation pattern at a time."""

from __future__ import annotations

from dataclasses import dataclass

from sheafnet.core.maps import Identity, Linear, ReluGate
from sheafnet.core.sheaf import Edge, Sheaf
from sheafnet.core.stalkpins import Pins
from sheafnet.dynamics.elimination.activation import ActivationProgram
from sheafnet.dynamics.elimination.output import OutputProgram
from sheafnet.dynamics.elimination.preactivation import PreactivationProgram
from sheafnet.dynamics.program import Hold, Program
from sheafnet.dynamics.rule import Rule
from sheafnet.dynamics.rules.prox import Prox
from sheafnet.dynamics.star import Star
from sheafnet.errors import RuleError


@dataclass(frozen=True)
class ActiveSet(Rule):
    """A rule that solves for one activation pattern after another, until the forces vanish.

    A pattern states for each unit whether it is active, inactive or settled on its kink. For a
    given pattern the energy is quadratic, and one solve gives the minimum. The solve is a block
    elimination by two sweeps of messages along the path: a sweep from the output to the input, and
    a sweep back that computes the new stalks. The next pattern is determined from the minimiser at
    the tail of each gate, given the new stalks of its neighbours. The candidates for the new stalks
    are the solution and points at fixed fractions of the way from the old stalks to the solution.
    Each sample takes the candidate of lowest energy, if this is lower than the energy of its old
    stalks. Otherwise the vertices take proximal steps for this sample (each stalk moves to the
    minimum of the energy of its own edges). The result is exact up to rounding, after a few solves
    where ``prox`` needs thousands of rounds.

    It works on a path of alternating affine maps and ReLU gates whose input is held and whose
    output is held or free. On any other problem ``sn.infer`` raises ``RuleError``.

    Parameters
    ----------
    prox_sweeps
        Number of rounds of proximal steps after a solve without a candidate of lower energy; a
        whole number, 1 or more, default 3. Such a round is a sweep from the output to the input and
        a sweep back.

    Raises
    ------
    RuleError
        If ``prox_sweeps`` is not a whole number, or is smaller than 1.

    Notes
    -----
    A message towards the input holds a matrix of shape (dim, dim) for every sample, where dim is
    the dimension of the edge stalk: 8 · batch · dim² bytes. The messages of a sweep are sent one
    after the other along the whole path. Therefore a sweep is slow where messages are slow. After a
    restart, a host begins with the stalks of the start of the run, while the other hosts keep their
    present stalks. The solves begin again from all these stalks. If a run is stopped during a sweep
    towards the output, the returned cochain may hold only a part of the new solution.
    """

    prox_sweeps: int = 3

    may_withhold = False
    remedy = "check the scale of the weights, or use the rule 'prox'"

    def __post_init__(self) -> None:
        if self.prox_sweeps != int(self.prox_sweeps) or self.prox_sweeps < 1:
            raise RuleError(
                f"active-set: prox_sweeps is {self.prox_sweeps}; it must be whole, 1 or more"
            )

    def check(self, sheaf: Sheaf, pins: Pins) -> None:
        why = _no_chain(sheaf) or _wrongly_pinned(sheaf, pins)
        if why:
            raise RuleError(
                "active-set: the rule solves a path of alternating affine maps and ReLU gates, "
                f"its input held and its output held or free; here {why}. Use 'prox' instead"
            )

    def start(self, star: Star) -> Program:
        below = next((inc for inc in star.incidences if not inc.is_tail), None)
        above = next((inc for inc in star.incidences if inc.is_tail), None)
        if below is None:
            return Hold()
        if above is None:
            if below.neighbour not in star.constraint.held_neighbours:
                return OutputProgram(star, below, self.prox_sweeps)
            # There is no gate between input and output, so that there is no pattern to find.
            return Prox(damping=1.0).start(star)
        inner = PreactivationProgram if isinstance(above.map, ReluGate) else ActivationProgram
        return inner(star, below, above, self.prox_sweeps)


def _no_chain(sheaf: Sheaf) -> str | None:
    """Return why the rule cannot solve ``sheaf``; None if ``sheaf`` is a path that it can solve."""
    edges = _in_order(sheaf)
    if edges is None:
        return "the graph is not a path from one tail to the next"
    for position, edge in enumerate(edges):
        wanted, name = (ReluGate, "a ReLU gate") if position % 2 else (Linear, "an affine map")
        if not isinstance(edge.tail_map, wanted) or not isinstance(edge.head_map, Identity):
            tail, head = type(edge.tail_map).__name__, type(edge.head_map).__name__
            return (
                f"edge {edge.name!r} has {tail} at its tail and {head} at its head, not {name} "
                "and the identity"
            )
    if edges and len(edges) % 2 == 0:
        return f"the path ends with the gate {edges[-1].name!r}, not with an affine map"
    return None


def _in_order(sheaf: Sheaf) -> list[Edge] | None:
    """Return the edges in order from the input to the output; None if the graph is not a path."""
    leaving = {edge.tail: edge for edge in sheaf.edges}
    heads = {edge.head for edge in sheaf.edges}
    if not len(leaving) == len(heads) == len(sheaf.edges) == len(sheaf.vertices) - 1:
        return None
    (vertex,) = set(sheaf.vertices) - heads
    edges = []
    while vertex in leaving:
        edges.append(leaving[vertex])
        vertex = edges[-1].head
    return edges if len(edges) == len(sheaf.edges) else None


def _wrongly_pinned(sheaf: Sheaf, pins: Pins) -> str | None:
    """Return why the rule cannot solve a path with these pins; None if it can solve it."""
    (first,) = set(sheaf.vertices) - {edge.head for edge in sheaf.edges}
    (last,) = set(sheaf.vertices) - {edge.tail for edge in sheaf.edges}
    for vertex, stalk in pins.items():
        if stalk.springs:
            return f"{vertex!r} is pinned softly"
        if not stalk.whole:
            return f"only some coordinates of {vertex!r} are pinned"
        if vertex not in (first, last):
            return f"{vertex!r}, which is inside, is pinned"
    return None if first in pins else f"the input {first!r} is not held"
