"""A consistent snapshot: every map after the same step, put together from what each owner kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sheafnet.core.maps import Affine
from sheafnet.dynamics.edge_state import Kept, Lesson, Place


@dataclass(frozen=True, eq=False)
class Cut:
    """Every map after the same step, though they took it at different times.

    Attributes
    ----------
    step
        Which.
    time
        When all were known: virtual time, seconds on a cluster, rounds in lockstep.
    kept
        Edge → what was kept of it.
    """

    step: int
    time: float
    kept: Mapping[str, Kept]

    @property
    def maps(self) -> dict[str, Affine]:
        """Edge → its map, for those that learn."""
        return {edge: it.map for edge, it in self.kept.items() if it.map is not None}

    @property
    def window(self) -> int | None:
        """How many batches were under way; None if no map learns."""
        return next((len(it.earlier) + 1 for it in self.kept.values() if it.map), None)

    @property
    def lessons(self) -> dict[str, Lesson]:
        """Edge → what its owner saw in that step."""
        return {edge: it.lesson for edge, it in self.kept.items() if it.lesson is not None}


class Cuts:
    """Puts cuts together from what the owners of the edges kept.

    Parameters
    ----------
    edges
        All of them.

    Attributes
    ----------
    step
        Of the last cut that was complete; 0 before the first.
    """

    def __init__(self, edges: Iterable[str]) -> None:
        self.step = 0
        self._edges = tuple(edges)
        self._found: dict[int, dict[str, Kept]] = {}

    def add(self, kept: Mapping[Place, Kept], time: float) -> list[Cut]:
        """Take what somebody kept, now; return the cuts that this completes, in order."""
        for (step, edge), it in kept.items():
            if step > self.step:
                self._found.setdefault(step, {})[edge] = it
        whole = len(self._edges)
        complete = sorted(s for s, by_edge in self._found.items() if len(by_edge) == whole)
        cuts = []
        for step in complete:
            found = self._found.pop(step)
            cuts.append(Cut(step, time, {edge: found[edge] for edge in self._edges}))
            self.step = step
        return cuts
