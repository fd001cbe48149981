"""What a run found, put together from its last cochain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sheafnet.core import energy as energies
from sheafnet.core.arrays import Array
from sheafnet.core.cochain import Cochain
from sheafnet.dynamics.problem import Problem
from sheafnet.dynamics.record import Process, Record, Recovery, Stats
from sheafnet.dynamics.stop import Outcome


@dataclass(frozen=True, eq=False)
class Solution:
    """The end of a run.

    Energy, residuals, discord and stationarity are computed afresh from the assembled cochain,
    not taken from what the vertices reported.

    Attributes
    ----------
    outcome
        How it ended.
    message
        The same with the particulars of this run; for a divergence the vertex, its update
        and what to do.
    cochain
        The stalks, each of shape (dim, batch).
    residuals
        Tail's projection minus head's for every edge, shape (edge dim, batch).
    discord
        Mean over the batch of ‖r‖² for every edge.
    energy
        ½ Σ ‖r‖² over edges and samples.
    stationarity
        Largest |∇E| over the free coordinates and the samples.
    stationarity_by_vertex
        The same for every vertex; 0 where pinned.
    stats
        What the run cost.
    ledger
        (sender, receiver) → messages delivered.
    trace_digest
        Fingerprint of the course of the run, where the runtime is reproducible.
    pinned
        Vertices that were held at the end.
    processes
        Host → (node, pid) that it lived in at the end, where hosts have processes of their own.
    recoveries
        Every (host, incarnation, seconds) that was lost and came back.
    """

    outcome: Outcome
    message: str
    cochain: Cochain
    residuals: Mapping[str, Array]
    discord: Mapping[str, float]
    energy: float
    stationarity: float
    stationarity_by_vertex: Mapping[str, float]
    stats: Stats
    ledger: Mapping[tuple[str, str], int]
    trace_digest: str | None
    pinned: frozenset[str]
    processes: Mapping[str, Process]
    recoveries: tuple[Recovery, ...]


def assemble(problem: Problem, record: Record) -> Solution:
    """Return the solution that ``record`` of ``problem`` amounts to."""
    # The forces on the last finite stalks of a run that diverged may overflow.
    with np.errstate(over="ignore", invalid="ignore"):
        residuals = energies.residuals(problem.sheaf, record.cochain)
        discord = energies.discord(residuals)
        energy = energies.energy(residuals.values())
        by_vertex = energies.stationarity(problem.sheaf, record.cochain, record.pinned)
    return Solution(
        outcome=record.outcome,
        message=record.message,
        cochain=record.cochain,
        residuals=residuals,
        discord=discord,
        energy=energy,
        stationarity=float(np.max(list(by_vertex.values()))),
        stationarity_by_vertex=by_vertex,
        stats=record.stats,
        ledger=record.ledger,
        trace_digest=record.trace_digest,
        pinned=record.pinned,
        processes=record.processes,
        recoveries=record.recoveries,
    )
