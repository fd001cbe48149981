"""The record of a run, which a runtime returns, with its evaluations, recoveries and costs."""

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
    """The costs of a run.

    Attributes
    ----------
    rounds
        Number of rounds. In lockstep a round is a round of steps. On hosts, twice as many messages
        as the sheaf has edges count as a round: one each way on every edge, on average.
    updates
        Number of steps, summed over the vertices.
    messages
        Number of messages that were newer than what their receivers held.
    frames, bytes
        Number of frames, and bytes of these frames, that hosts sent to each other; 0 in lockstep,
        which has no hosts.
    virtual_time
        Virtual time on a simulator; rounds in lockstep; 0 on a cluster.
    wall_time
        Seconds of real time from the start of the run to its end.
    max_staleness
        Largest staleness of a message, in steps of its sender: how many steps the sender had taken
        beyond the message while the receiver still used it.
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
    def of(cls, counters: Counters, rounds: int, virtual_time: float) -> "Stats":
        """Return the costs of a run; ``wall_time`` is 0, which the caller may replace.

        Parameters
        ----------
        counters
            Counters of all vertices, summed over every incarnation of every host.
        rounds
            Number of rounds.
        virtual_time
            Virtual time at the end; 0 on a cluster.
        """
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
    """An evaluation of a network during training.

    Attributes
    ----------
    step
        Number of steps that every map had taken; rounds, under a rule that does not learn in steps.
    time
        Time of the evaluation: rounds in lockstep, virtual time on a simulator, seconds on a
        cluster.
    train
        Loss, accuracy, inactive units and saturated outputs on the training samples; see
        ``sheafnet.core.loss.Assessment``.
    test
        The same on the test samples; None if there are none.
    discord
        Edge → its discord, the mean over the batch of ‖r‖², in that step or, without steps, as its
        tail last reported it; empty in the evaluation of the start.
    tension
        Edge → the mean over the batch of ‖t‖² in that step, where t is the tension; empty in the
        evaluation of the start, and under a rule that does not learn in steps.
    step_norm
        Edge → Frobenius norm of that step of [W b], without the weight decay; 0 for a map that does
        not learn. Empty where ``tension`` is empty.
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
        """Mean loss over the training samples."""
        return self.train.loss

    @property
    def test_loss(self) -> float | None:
        """Mean loss over the test samples; None if there are none."""
        return None if self.test is None else self.test.loss


class Process(NamedTuple):
    """The process of a host on a cluster.

    Attributes
    ----------
    node
        Address of the machine.
    pid
        Identifier of the process on that machine.
    """

    node: str
    pid: int


class Recovery(NamedTuple):
    """The recovery of a host that was lost.

    Attributes
    ----------
    host
        Name of the host.
    incarnation
        Incarnation in which it came back, at least 1.
    seconds
        Seconds from the loss, as the coordinator noticed it, to the first report afterwards.
    """

    host: str
    incarnation: int
    seconds: float


class HostTime(NamedTuple):
    """The time of a host, split by what the host did; virtual time, or seconds on a cluster.

    Attributes
    ----------
    busy
        Time in which the host stepped.
    waiting
        Time in which the host was up, but had nothing to do.
    away
        Time in which the host was down or paused.
    """

    busy: float
    waiting: float
    away: float

    @property
    def load(self) -> float:
        """Busy time divided by the sum of busy and waiting time, in [0, 1]."""
        return self.busy / max(self.busy + self.waiting, sys.float_info.min)


@dataclass(frozen=True, eq=False)
class Record:
    """The result of a run, as a runtime returns it.

    Attributes
    ----------
    outcome
        The outcome of the run.
    message
        The outcome in words, with details of this run.
    cochain
        Vertex → its stalk at the end, shape (dim, batch); the last finite one if the run diverged.
    stats
        The costs of the run.
    ledger
        (Sender, receiver) → number of messages from one vertex to the other that were newer than
        what the receiver held.
    trace_digest
        Digest of the course of the run, equal for equal runs; None on a cluster, whose runs cannot
        be repeated.
    pins
        Vertex → the pins of its stalk, as they were at the end.
    processes
        Host → its process at the end; empty unless the run was on a cluster.
    recoveries
        Recoveries of hosts that were lost; empty unless the run was on a cluster.
    edges
        Edge → the messages and bytes that passed over it.
    hosts
        Host → how it spent its time; empty in lockstep, which has no hosts.
    maps
        Edge → the map at its tail at the end, under a rule that learns; the last finite one if the
        run diverged. Empty under other rules.
    history
        Evaluations of the network, under a rule that learns; else empty.
    rollbacks
        Number of times that all hosts went back to the latest snapshot because one had lost its
        maps.
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
        Counters of all vertices, summed over every incarnation of every host.
    rounds, virtual_time
        The fields of ``Stats`` of the same names.
    outcome, message, cochain, trace_digest, pins, maps, hosts, processes, recoveries, rollbacks
        The fields of ``Record`` of the same names.
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
