"""What the owner of an edge knows of a step of training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from sheafnet.core.maps import Affine


class Lesson(NamedTuple):
    """What the tail of an edge saw of it in a step.

    Attributes
    ----------
    step
        Number of the step, from 1.
    discord
        Mean over the batch of ‖r‖².
    tension
        Mean over the batch of ‖t‖².
    length
        Of the step of the map in Frobenius' norm of [W b]; 0 where it does not learn.
    """

    step: int
    discord: float
    tension: float
    length: float


class Kept(NamedTuple):
    """The map of an edge after a step, if it learns, and what its owner saw in that step."""

    map: Affine | None
    lesson: Lesson


Place: TypeAlias = tuple[int, str]
"""A step and an edge."""


@dataclass(frozen=True, eq=False)
class Cut:
    """Every map after the same step, though they took it at different times.

    Attributes
    ----------
    step
        Which.
    time
        When all were known: virtual time, seconds on a cluster, rounds in lockstep.
    maps
        Edge → its map.
    lessons
        Edge → what its owner saw in that step.
    """

    step: int
    time: float
    maps: Mapping[str, Affine]
    lessons: Mapping[str, Lesson]


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
            by_edge = {edge: found[edge] for edge in self._edges}
            maps = {edge: kept.map for edge, kept in by_edge.items() if kept.map is not None}
            lessons = {edge: kept.lesson for edge, kept in by_edge.items()}
            cuts.append(Cut(step, time, maps, lessons))
            self.step = step
        return cuts
