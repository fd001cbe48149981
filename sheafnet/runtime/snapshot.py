"""Snapshots and their assembly. A snapshot has the states of all edges after the same step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sheafnet.core.maps import Affine
from sheafnet.dynamics.training_state import EdgeState, EdgeStats, StepEdge


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The states of all edges after the same step of training.

    The edges reach this step at different times, so a snapshot does not show the maps at one time.

    Attributes
    ----------
    step
        Number of the step, from 1; each batch is one step.
    time
        Time at which the snapshot was complete: rounds in lockstep, virtual time on a simulator,
        seconds on a cluster.
    edge_states
        Edge → its state after that step: its map and the state of the optimiser of the map.
    """

    step: int
    time: float
    edge_states: Mapping[str, EdgeState]

    @property
    def maps(self) -> dict[str, Affine]:
        """Edge → its map, for every edge with a map that learns."""
        return {edge: it.map for edge, it in self.edge_states.items() if it.map is not None}

    @property
    def batches_in_flight(self) -> int | None:
        """Setting ``batches_in_flight`` of the training; None if no map learns.

        It is the largest number of batches that may be in flight (begun and not finished).
        """
        return next((len(it.earlier) + 1 for it in self.edge_states.values() if it.map), None)

    @property
    def edge_stats(self) -> dict[str, EdgeStats]:
        """Edge → its statistics in that step, for every edge that has statistics."""
        return {edge: it.stats for edge, it in self.edge_states.items() if it.stats is not None}


class SnapshotAssembler:
    """A store of edge states. It receives them in any order and assembles them to snapshots.

    Parameters
    ----------
    edges
        Names of all edges of the sheaf.

    Attributes
    ----------
    step
        Step of the latest complete snapshot; 0 before the first snapshot.
    """

    def __init__(self, edges: Iterable[str]) -> None:
        self.step = 0
        self._edges = tuple(edges)
        self._found: dict[int, dict[str, EdgeState]] = {}

    def add(self, edge_states: Mapping[StepEdge, EdgeState], time: float) -> list[Snapshot]:
        """Add edge states, and return the snapshots that are now complete, in the order of steps.

        States of steps that already have a complete snapshot are ignored.

        Parameters
        ----------
        edge_states
            (Step, edge) → state of that edge after that step.
        time
            Present time, in the unit of the runtime. It becomes the ``time`` of the snapshots
            returned.
        """
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
