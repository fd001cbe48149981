"""The record of a run: what a runtime hands back, with evaluations, recoveries and costs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from sheafnet.core.cochain import Cochain
from sheafnet.core.loss import Assessment
from sheafnet.core.maps import RestrictionMap
from sheafnet.core.stalkpins import Pins
from sheafnet.dynamics.counters import Counters, EdgeCost
from sheafnet.runtime.stop import Outcome


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

    @classmethod
    def of(cls, counters: Counters, rounds: int, virtual_time: float) -> Stats:
        """Return the stats of what ``counters`` lists."""
        return cls(
            rounds=rounds,
            updates=sum(counters.updates.values()),
            messages=counters.messages,
            frames=counters.frames,
            bytes=sum(counters.frame_bytes.values()),
            virtual_time=virtual_time,
            max_staleness=counters.max_staleness,
        )


@dataclass(frozen=True)
class Evaluation:
    """How good a network was on the way.

    Attributes
    ----------
    step
        How many steps its maps had taken; rounds, under a rule without steps.
    time
        When: virtual time, seconds on a cluster, rounds in lockstep.
    train, test
        How it did on the samples that it learns from, and on others if there are any.
    discord
        Mean over the batch of ‖r‖² of every edge, as its tail saw it last.
    tension, step_norm
        The same of ‖t‖², and the length of the last step of every map; empty under a rule without
        steps.
    """

    step: int
    time: float
    train: Assessment
    test: Assessment | None
    discord: Mapping[str, float]
    tension: Mapping[str, float]
    step_norm: Mapping[str, float]

    @property
    def train_loss(self) -> float:
        """Mean loss on the samples that it learns from."""
        return self.train.loss

    @property
    def test_loss(self) -> float | None:
        """Mean loss on the other samples; None if there are none."""
        return None if self.test is None else self.test.loss


class Process(NamedTuple):
    """Where a host ran: the address of the machine, and the process there."""

    node: str
    pid: int


class Recovery(NamedTuple):
    """A host that was lost, the incarnation that it came back as, and the seconds until it had."""

    host: str
    incarnation: int
    seconds: float


class HostTime(NamedTuple):
    """What a host did with its time.

    Attributes
    ----------
    busy
        Stepping.
    waiting
        With nothing to do before there was news.
    away
        Down, or paused.
    """

    busy: float
    waiting: float
    away: float

    @property
    def load(self) -> float:
        """Share of the time that it was there in which it was busy."""
        return self.busy / max(self.busy + self.waiting, sys.float_info.min)


@dataclass(frozen=True, eq=False)
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
    pins
        The pins that were in force at the end.
    processes
        Host → the process that it ran in at the end, where hosts have their own.
    recoveries
        Every host that was lost and came back.
    edges
        Edge → what passed over it.
    hosts
        Host → what it did with its time, virtual or real; empty in lockstep, which has none.
    maps
        Edge → the map at its tail, under a rule that learns; with the cochain, the last finite
        ones of a run that diverged.
    history
        The evaluations on the way, under a rule that learns.
    rollbacks
        How often all hosts went back to the last snapshot, since one had lost its maps.
    """

    outcome: Outcome
    message: str
    cochain: Cochain
    stats: Stats
    ledger: Mapping[tuple[str, str], int]
    trace_digest: str | None
    pins: Pins
    processes: Mapping[str, Process] = field(default_factory=dict)
    recoveries: tuple[Recovery, ...] = ()
    edges: Mapping[str, EdgeCost] = field(default_factory=dict)
    hosts: Mapping[str, HostTime] = field(default_factory=dict)
    maps: Mapping[str, RestrictionMap] = field(default_factory=dict)
    history: tuple[Evaluation, ...] = ()
    rollbacks: int = 0


def record_of(
    counters: Counters,
    rounds: int,
    virtual_time: float,
    *,
    outcome: Outcome,
    message: str,
    cochain: Cochain,
    trace_digest: str | None,
    pins: Pins,
    maps: Mapping[str, RestrictionMap],
    hosts: Mapping[str, HostTime] = MappingProxyType({}),
    processes: Mapping[str, Process] = MappingProxyType({}),
    recoveries: tuple[Recovery, ...] = (),
    rollbacks: int = 0,
) -> Record:
    """Return the record of a run from the counters of all its vertices.

    Parameters
    ----------
    counters
        Of every incarnation of every host.
    rounds, virtual_time
        See ``Stats``.
    outcome, message, cochain, trace_digest, pins, maps, hosts, processes, recoveries, rollbacks
        See ``Record``.
    """
    return Record(
        outcome=outcome,
        message=message,
        cochain=cochain,
        stats=Stats.of(counters, rounds, virtual_time),
        ledger=counters.ledger,
        edges=counters.edges,
        trace_digest=trace_digest,
        pins=pins,
        maps=maps,
        hosts=dict(hosts),
        processes=dict(processes),
        recoveries=recoveries,
        rollbacks=rollbacks,
    )
