"""A problem to run: data only. The vertices are made from it, and then never see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sheafnet.core.arrays import Array
from sheafnet.core.cochain import Cochain
from sheafnet.core.sheaf import Sheaf
from sheafnet.dynamics.rule import Rule
from sheafnet.dynamics.star import Star
from sheafnet.dynamics.stop import Stop
from sheafnet.dynamics.vertex import Vertex


@dataclass(frozen=True)
class Problem:
    """What to relax, from where, how, and until when.

    Attributes
    ----------
    sheaf
        The sheaf.
    pinned
        Vertices whose stalk is held at its start value.
    start
        Value of every stalk at the start.
    rule
        What each free vertex does.
    stop
        When to stop.
    """

    sheaf: Sheaf
    pinned: frozenset[str]
    start: Cochain
    rule: Rule
    stop: Stop

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
        return [self.vertex(name) for name in self.sheaf.vertices]

    def vertex(self, name: str) -> Vertex:
        """Return one actor at its start, with its own part alone."""
        incidences = self.sheaf.incidences(name)
        star = Star(name, incidences, self.start[name], pinned=name in self.pinned)
        return Vertex(star, self.rule.start(star))

    def repinned(self, held: Mapping[str, Array]) -> Problem:
        """Return the problem with these stalks held, and no others."""
        return replace(self, pinned=frozenset(held), start=Cochain({**self.start, **held}))

    def divergence(self, vertex: str, update: int, force: float) -> str:
        """Say which vertex blew up, when, and what to do."""
        return (
            f"diverged: the force on {vertex!r} reached {force:.3g} at its update {update}; "
            f"{self.rule.remedy}. The last finite cochain is kept"
        )
