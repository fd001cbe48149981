"""What a run says while it goes on and when it has ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sheafnet.core.cochain import Cochain
from sheafnet.dynamics.stop import Outcome


@dataclass(frozen=True)
class Stats:
    """What a run cost.

    Attributes
    ----------
    rounds
        Every vertex stepped, and every edge carried one message each way, once a round.
    updates
        Steps of single vertices.
    messages
        Messages that were news to their receiver.
    frames, bytes
        Frames and bytes between hosts; 0 in lockstep, which has one host.
    virtual_time
        A lockstep round takes one unit.
    wall_time
        Seconds.
    max_staleness
        Worst age of a message when it was used, in steps of its sender.
    """

    rounds: int
    updates: int
    messages: int
    frames: int = 0
    bytes: int = 0
    virtual_time: float = 0.0
    wall_time: float = 0.0
    max_staleness: int = 0


@dataclass(frozen=True)
class Progress:
    """How far a run has come, as its vertices report it.

    Attributes
    ----------
    rounds, updates, messages
        As in ``Stats``.
    stationarity
        Largest |∇E| of every vertex.
    discord
        Mean over the batch of ‖r‖² of every edge, reported by its tail.
    energy
        ½ Σ ‖r‖² over edges and samples.
    """

    rounds: int
    updates: int
    messages: int
    stationarity: Mapping[str, float]
    discord: Mapping[str, float]
    energy: float


Watch: TypeAlias = Callable[[Callable[[], Progress]], bool]
"""Called by a runtime between rounds with a way to ask for progress; False ends the run.

Asking is what costs, so a watch that does not ask costs one call.
"""


@dataclass(frozen=True)
class Record:
    """What a runtime hands back.

    Attributes
    ----------
    outcome
        How it ended.
    message
        The same with the particulars of this run.
    cochain
        The stalks at the end; the last finite ones if it diverged.
    stats
        What it cost.
    ledger
        (sender, receiver) → number of messages delivered.
    trace_digest
        Fingerprint of the course of the run, where the runtime is reproducible.
    """

    outcome: Outcome
    message: str
    cochain: Cochain
    stats: Stats
    ledger: Mapping[tuple[str, str], int]
    trace_digest: str | None
