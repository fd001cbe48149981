"""A problem to run: data only. The vertices are made from it, and then never see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sheafnet.core.arrays import Array
from sheafnet.core.cochain import Cochain
from sheafnet.core.sheaf import Sheaf
from sheafnet.dynamics.program import Hold
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
    held
        Pinned vertex → its value.
    start
        Value of every stalk at the start; pinned stalks have their pinned value.
    rule
        What each free vertex does.
    stop
        When to stop.
    """

    sheaf: Sheaf
    held: Mapping[str, Array]
    start: Cochain
    rule: Rule
    stop: Stop

    @property
    def tolerance(self) -> float:
        """Stationarity at which the run has converged."""
        return self.stop.tolerance(self.sheaf.dtype)

    def vertices(self) -> list[Vertex]:
        """Return the actors, in the order of the sheaf, each with its own part alone."""
        return [self._vertex(name) for name in self.sheaf.vertices]

    def _vertex(self, name: str) -> Vertex:
        pinned = name in self.held
        star = Star(name, self.sheaf.incidences(name), self.start[name], pinned=pinned)
        return Vertex(star, Hold() if pinned else self.rule.start(star))
