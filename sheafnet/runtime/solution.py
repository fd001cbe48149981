"""What a run found, put together from its last cochain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sheafnet.core import energy as energies
from sheafnet.core.arrays import Array
from sheafnet.core.cochain import Cochain
from sheafnet.core.stalkpins import Pins
from sheafnet.dynamics.account import EdgeCost
from sheafnet.dynamics.problem import Problem
from sheafnet.dynamics.record import HostTime, Process, Record, Recovery, Stats
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
    pin_discord
        Mean over the batch of γ‖x − value‖² for every soft pin, ``pin_<vertex>_<i>``.
    energy
        Over all edges, soft pins and samples: ½ Σ ‖r‖², but for an output edge with the force of
        the cross-entropy, whose energy is that loss.
    stationarity
        Largest |∇E| over the samples and the coordinates that can move: neither held nor settled
        on a kink.
    stationarity_by_vertex
        The same for every vertex; 0 where pinned.
    kinks
        How many coordinates and samples of every vertex rest on a kink.
    stats
        What the run cost.
    ledger
        (sender, receiver) → messages delivered.
    trace_digest
        Fingerprint of the course of the run, where the runtime is reproducible.
    pins
        The pins that were in force at the end.
    processes
        Host → (node, pid) that it lived in at the end, where hosts have processes of their own.
    recoveries
        Every (host, incarnation, seconds) that was lost and came back.
    edges
        Edge → (messages, sent, bytes): what passed over it, see ``EdgeCost``.
    hosts
        Host → (busy, waiting, away): what it did with its virtual time, in the simulator.
    """

    outcome: Outcome
    message: str
    cochain: Cochain
    residuals: Mapping[str, Array]
    discord: Mapping[str, float]
    pin_discord: Mapping[str, float]
    energy: float
    stationarity: float
    stationarity_by_vertex: Mapping[str, float]
    kinks: Mapping[str, int]
    stats: Stats
    ledger: Mapping[tuple[str, str], int]
    trace_digest: str | None
    pins: Pins
    processes: Mapping[str, Process]
    recoveries: tuple[Recovery, ...]
    edges: Mapping[str, EdgeCost]
    hosts: Mapping[str, HostTime]


def assemble(problem: Problem, record: Record) -> Solution:
    """Return the solution that ``record`` of ``problem`` amounts to."""
    # The forces on the last finite stalks of a run that diverged may overflow.
    with np.errstate(over="ignore", invalid="ignore"):
        sheaf, cochain, pins = problem.sheaf, record.cochain, record.pins
        residuals = energies.residuals(sheaf, cochain)
        discord = energies.discord(residuals)
        pin_discord = energies.discord(energies.pin_residuals(pins, cochain))
        energy = energies.energy(sheaf, cochain, pins)
        by_vertex = energies.stationarity(sheaf, cochain, pins)
        kinks = energies.kinks(sheaf, cochain, pins)
    return Solution(
        outcome=record.outcome,
        message=record.message,
        cochain=record.cochain,
        residuals=residuals,
        discord=discord,
        pin_discord=pin_discord,
        energy=energy,
        stationarity=float(np.max(list(by_vertex.values()))),
        stationarity_by_vertex=by_vertex,
        kinks=kinks,
        stats=record.stats,
        ledger=record.ledger,
        trace_digest=record.trace_digest,
        pins=record.pins,
        processes=record.processes,
        recoveries=record.recoveries,
        edges=record.edges,
        hosts=record.hosts,
    )
