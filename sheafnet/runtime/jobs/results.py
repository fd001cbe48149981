"""The results of a run and of a training, computed from the record that the runtime returned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from sheafnet.core import energy as energies
from sheafnet.core.arrays import Array
from sheafnet.core.network import ReluNetwork
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.run_record import Evaluation, Record, Stats


@dataclass(frozen=True, eq=False, kw_only=True)
class Solution(Record):
    """The result of a run: the record of the runtime, and quantities computed from its cochain.

    Energy, residuals, discord and stationarity are computed from the final stalks of all vertices.
    They are not taken from the reports that vertices sent during the run. The force is the part of
    −∇E that can move a stalk. It is 0 in a coordinate that is held or settled on a kink. In a
    settled coordinate E decreases in neither direction.

    Attributes
    ----------
    outcome
        The outcome of the run.
    message
        The outcome in words, with details of this run.
    cochain
        Vertex → its stalk at the end, shape (dim, batch); if the run diverged, its last finite
        stalk.
    stats
        The costs of the run: rounds, messages, bytes, times.
    ledger
        (Sender, receiver) → number of messages from the first vertex that the second vertex
        accepted, because they were newer than the message that it had.
    trace_digest
        Digest (hash) of the run, the same for bitwise equal runs; None on a cluster.
    pins
        Vertex → the pins of its stalk at the end.
    processes
        Host → machine and identifier of its process; empty unless the run was on a cluster.
    recoveries
        Recoveries of hosts that were lost; empty unless the run was on a cluster.
    edges
        Edge → the numbers of messages and bytes that the edge carried.
    hosts
        Host → the time that it was busy, waiting and away, in virtual time, or in seconds on a
        cluster; empty in lockstep, which has no hosts.
    maps, history, rollbacks
        Results of a training. In a run ``maps`` and ``history`` are empty, and ``rollbacks`` is 0.
    residuals
        Edge → its residual r, the projection of its tail minus the projection of its head, shape
        (edge dim, batch).
    discord
        Edge → the mean over the batch of ‖r‖².
    pin_discord
        Soft pin ``pin_<vertex>_<i>`` → the mean over the batch of γ‖x − value‖², where γ is the
        strength of the pin and x the pinned part of the stalk.
    energy
        Energy of all edges and soft pins, summed over the samples. An edge contributes ½ Σ ‖r‖²,
        except that an output edge with the cross-entropy potential contributes the cross-entropy
        loss. A soft pin contributes ½ Σ γ‖x − value‖².
    stationarity
        Largest absolute value of the force over all vertices, coordinates and samples.
    stationarity_by_vertex
        Vertex → largest absolute value of the force on this vertex; 0 if the whole stalk is held.
    kinks
        Vertex → number of pairs (coordinate, sample) of its stalk that are settled on a kink.
    """

    residuals: Mapping[str, Array]
    discord: Mapping[str, float]
    pin_discord: Mapping[str, float]
    energy: float
    stationarity: float
    stationarity_by_vertex: Mapping[str, float]
    kinks: Mapping[str, int]

    @property
    def record(self) -> Record:
        """The record that the runtime returned."""
        return Record(**_parts(self))


def _parts(record: Record) -> dict[str, Any]:
    """Return field → value for the fields of ``record`` that ``Record`` defines."""
    return {field.name: getattr(record, field.name) for field in fields(Record)}


def assemble(problem: Problem, record: Record) -> Solution:
    """Compute the solution of a run from its record.

    Parameters
    ----------
    problem
        Problem that was run.
    record
        Record that the runtime returned.
    """
    # If the run diverged, the forces on its last finite stalks may overflow.
    with np.errstate(over="ignore", invalid="ignore"):
        sheaf, cochain, pins = problem.sheaf, record.cochain, record.pins
        residuals = energies.residuals(sheaf, cochain)
        discord = energies.discord(residuals)
        pin_discord = energies.discord(energies.pin_residuals(pins, cochain))
        energy = energies.energy(sheaf, cochain, pins)
        by_vertex = energies.stationarity(sheaf, cochain, pins)
        kinks = energies.kinks(sheaf, cochain, pins)
    return Solution(
        **_parts(record),
        residuals=residuals,
        discord=discord,
        pin_discord=pin_discord,
        energy=energy,
        stationarity=float(np.max(list(by_vertex.values()))),
        stationarity_by_vertex=by_vertex,
        kinks=kinks,
    )


@dataclass(frozen=True, eq=False)
class Fit:
    """The result of a training: the trained network, its evaluations and the costs.

    Attributes
    ----------
    network
        The trained network: the network of the last evaluation, or of the evaluation with the
        lowest loss if ``patience`` was given.
    evaluation
        The evaluation of ``network``.
    history
        All evaluations in order. The first is made before any map is updated.
    stats
        The costs of the training: rounds, messages, bytes, times.
    stopped
        Whether training ended before its planned length, because it was stopped by the caller, by
        ``patience`` or by ``max_time``.
    diverged
        Text that states which map or vertex diverged, at which step, and which setting to lower.
        None if the training did not diverge.
    record
        The record that the runtime returned. Its ``history`` is that of this result, and its
        ``maps`` are those of ``network``.
    """

    network: ReluNetwork
    evaluation: Evaluation
    history: tuple[Evaluation, ...]
    stats: Stats
    stopped: bool
    diverged: str | None
    record: Record
