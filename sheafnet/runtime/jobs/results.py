"""The results of a run and of a training."""

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
    """The end of a run: what the runtime hands back, and what follows from its cochain.

    Energy, residuals, discord and stationarity are computed afresh from the assembled cochain,
    not taken from what the vertices reported. What ``Record`` has is here as well: ``outcome``,
    ``message``, ``cochain``, ``stats``, ``ledger``, ``trace_digest``, ``pins``, ``processes``,
    ``recoveries``, ``edges`` and ``hosts``.

    Attributes
    ----------
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
        """What the runtime handed back."""
        return Record(**_parts(self))


def _parts(record: Record) -> dict[str, Any]:
    """Return the fields that every record has."""
    return {field.name: getattr(record, field.name) for field in fields(Record)}


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
    """What training came to.

    Attributes
    ----------
    network
        The network at the last evaluation, or at the best one if training was to stop early.
    evaluation
        How good it is.
    history
        One record for each evaluation, the first before anything has moved.
    stats
        What it cost.
    stopped
        Whether it ended before its time: on request, for want of progress, or of time.
    diverged
        Which map diverged, in which step, and what to lower; None if it did not.
    record
        What the runtime handed back.
    """

    network: ReluNetwork
    evaluation: Evaluation
    history: tuple[Evaluation, ...]
    stats: Stats
    stopped: bool
    diverged: str | None
    record: Record
