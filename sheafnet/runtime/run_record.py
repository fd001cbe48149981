"""The record that a runtime returns, and the parts of it: costs, evaluations, recoveries."""

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
    """The costs of a run: rounds, steps, messages, bytes and time.

    Attributes
    ----------
    rounds
        Number of rounds. In lockstep every vertex may step once in a round (twice under
        ``sn.Nudged`` and ``sn.Relax``). On hosts, the number of rounds is the number of accepted
        messages divided by twice the number of edges, rounded down: on average, every edge carries
        one message each way in a round.
    updates
        Number of steps, summed over the vertices.
    messages
        Number of messages that their receivers accepted; repeated and outdated messages do not
        count.
    frames, bytes
        Number of frames that hosts sent to each other, and the size of these frames in bytes; both
        are 0 in lockstep, which has no hosts.
    virtual_time
        Virtual time at the end of the run on a simulator; number of rounds in lockstep; 0 on a
        cluster.
    wall_time
        Seconds of real time from the start of the run to its end.
    max_staleness
        Largest staleness of a message. The staleness is the number of steps of the sender between
        two successive messages that the receiver accepted, neither of the two counted. Both
        messages have the same kind, edge, sender and tag.
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
        """Return the costs of a run, with a ``wall_time`` of 0 that the caller may replace.

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
    """An evaluation: the losses of the network after a step of training, and edge statistics.

    Attributes
    ----------
    step
        Number of steps of training after which the maps were evaluated. Under a rule that learns
        without steps, the number of rounds instead.
    time
        Time of the evaluation: rounds in lockstep, virtual time on a simulator, seconds on a
        cluster.
    train
        Loss, accuracy, inactive units and saturated outputs on the training samples; see
        ``sheafnet.core.loss.Assessment``.
    test
        Loss, accuracy, inactive units and saturated outputs on the test samples; None if there are
        no test samples.
    discord
        Edge → its discord in that step. Under a rule that does not learn from batches it is the
        latest discord that the tail reported. The discord is the mean over the batch of ‖r‖², where
        r is the residual of the edge. Empty in the evaluation at the start of training.
    tension
        Edge → the mean over the batch of ‖t‖² in that step. The tension t is the derivative of the
        loss of a sample with respect to the projection of the tail, or the vector that the rule
        uses for it. Empty in the evaluation at the start of training, and under a rule that learns
        without steps.
    step_norm
        Edge → Frobenius norm of the change of [W b] in that step, where W is the matrix of the map
        and b its bias. The weight decay is not part of this change. 0 for a map that does not
        learn. Empty where ``tension`` is empty.
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
        """Mean loss over the test samples; None if there are no test samples."""
        return None if self.test is None else self.test.loss


class Process(NamedTuple):
    """The process of a host on a cluster, given by its machine and its process number.

    Attributes
    ----------
    node
        Address of the machine on which the process runs.
    pid
        Identifier of the process on that machine.
    """

    node: str
    pid: int


class Recovery(NamedTuple):
    """A recovery: the process of a host was lost, and the host was restarted.

    Attributes
    ----------
    host
        Name of the host.
    incarnation
        Incarnation that the host has after its restart, at least 1.
    seconds
        Seconds from the detection of the loss to the first report of the restarted host.
    """

    host: str
    incarnation: int
    seconds: float


class HostTime(NamedTuple):
    """The times for which a host was busy, waiting and away (down or paused).

    The times are virtual on a simulator, and in seconds on a cluster.

    Attributes
    ----------
    busy
        Time in which vertices of the host stepped.
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
        """Busy time divided by the sum of busy and waiting time, in [0, 1].

        It is 0 for a host that was never up, since both times are then 0.
        """
        return self.busy / max(self.busy + self.waiting, sys.float_info.min)


@dataclass(frozen=True, eq=False)
class Record:
    """The record of a run: its outcome, its final stalks and maps, and its costs.

    Attributes
    ----------
    outcome
        The outcome of the run.
    message
        The outcome in words, with details of this run.
    cochain
        Vertex → its stalk at the end, shape (dim, batch); its last finite stalk if the run
        diverged.
    stats
        The costs of the run.
    ledger
        (Sender, receiver) → number of messages from the first vertex that the second vertex
        accepted.
    trace_digest
        Digest (hash) of the run. Two runs that are bitwise equal have the same digest. It is None
        on a cluster, since runs on a cluster cannot be repeated bit for bit.
    pins
        Vertex → the pins of its stalk at the end.
    processes
        Host → its process at the end; empty unless the run was on a cluster.
    recoveries
        Recoveries of hosts that were lost; empty unless the run was on a cluster.
    edges
        Edge → the numbers of messages and bytes that the edge carried.
    hosts
        Host → the times for which it was busy, waiting and away; empty in lockstep, which has no
        hosts.
    maps
        Edge → the map at its tail at the end, under a rule that learns; the last finite map if the
        run diverged. Empty under other rules.
    history
        Evaluations of the network, under a rule that learns; else empty.
    rollbacks
        Number of times that all hosts went back to the latest snapshot because one host had lost
        its maps.
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
