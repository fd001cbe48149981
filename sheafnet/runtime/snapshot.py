"""A consistent snapshot: every map after the same step, assembled from the states of its edges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sheafnet.core.maps import Affine
from sheafnet.dynamics.training_state import EdgeState, EdgeStats, StepEdge


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Every map after the same step, though they took it at different times.

    Attributes
    ----------
    step
        Which.
    time
        When all were known: virtual time, seconds on a cluster, rounds in lockstep.
    edge_states
        Edge → its state after that step.
    """

    step: int
    time: float
    edge_states: Mapping[str, EdgeState]

    @property
    def maps(self) -> dict[str, Affine]:
        """Edge → its map, for those that learn."""
        return {edge: it.map for edge, it in self.edge_states.items() if it.map is not None}

    @property
    def batches_in_flight(self) -> int | None:
        """How many batches were in flight; None if no map learns."""
        return next((len(it.earlier) + 1 for it in self.edge_states.values() if it.map), None)

    @property
    def edge_stats(self) -> dict[str, EdgeStats]:
        """Edge → its statistics in that step."""
        return {edge: it.stats for edge, it in self.edge_states.items() if it.stats is not None}


class SnapshotAssembler:
    """Assembles snapshots from the states that the owners of the edges keep.

    Parameters
    ----------
    edges
        All of them.

    Attributes
    ----------
    step
        Of the last snapshot that was complete; 0 before the first.
    """

    def __init__(self, edges: Iterable[str]) -> None:
        self.step = 0
        self._edges = tuple(edges)
        self._found: dict[int, dict[str, EdgeState]] = {}

    def add(self, edge_states: Mapping[StepEdge, EdgeState], time: float) -> list[Snapshot]:
        """Take states of edges, now; return the snapshots that they complete, in order."""
        for (step, edge), it in edge_states.items():
            if step > self.step:
                self._found.setdefault(step, {})[edge] = it
        whole = len(self._edges)
        complete = sorted(s for s, by_edge in self._found.items() if len(by_edge) == whole)
        snapshots = []
        for step in complete:
            found = self._found.pop(step)
            snapshots.append(Snapshot(step, time, {edge: found[edge] for edge in self._edges}))
            self.step = step
        return snapshots
