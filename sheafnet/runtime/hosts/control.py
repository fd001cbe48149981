"""The requests, orders and reports between coordinator and hosts, and the end of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sheafnet.core.arrays import Array
from sheafnet.core.cochain import Cochain
from sheafnet.core.maps import RestrictionMap
from sheafnet.dynamics.rule import Rule
from sheafnet.dynamics.star import Constraint
from sheafnet.dynamics.training_state import EdgeState, StepEdge
from sheafnet.runtime.progress import EdgeView
from sheafnet.runtime.stop import Outcome


@dataclass(frozen=True)
class StatusRequest:
    """A request to every host to send a report.

    The request also has orders. The host carries them out before it makes the report.

    Attributes
    ----------
    wave
        Number of the wave, from 1.
    with_stalks
        Whether the report shall contain the stalks and, under a rule that learns, the maps.
    known
        Step of the latest complete snapshot. The host can drop its edge states up to this step,
        inclusive.
    drain
        Whether the host shall drain: finish the batches in flight and begin no others, so that all
        hosts end after the same step.
    """

    wave: int
    with_stalks: bool = False
    known: int = 0
    drain: bool = False


@dataclass(frozen=True)
class StatusReport:
    """The report of a host to the coordinator: its messages, forces and, if requested, its stalks.

    Attributes
    ----------
    run
        Name of the run. It changes when all hosts are rolled back to the latest snapshot.
    host
        Name of the host.
    incarnation
        Number of times that the host had been restarted when it sent the report.
    wave
        Number of the wave whose request this report answers.
    idle
        Whether the host has nothing to do: no vertex has a reason to step (a vertex of a
        frozen host never has one), and every message to other hosts is acknowledged.
    sent
        Number of messages to other hosts so far.
    accepted
        Number of messages from other hosts that vertices of this host have accepted so far;
        repeated and outdated messages do not count. If two successive reports have the same
        ``sent`` and the same ``accepted``, the host neither sent nor accepted a message in between.
    stationarity
        Vertex → its largest force, computed from the latest projections of its neighbours.
    batches_left
        Largest number of batches that a vertex of the host still has to learn from.
    messages
        Number of messages that vertices of this host have accepted so far, from vertices of this
        host and of other hosts.
    pins_version
        Version of the pins in force on the host; 0 for the first pins of the run.
    exploded
        Description of a force or map that became NaN, infinite or too large; None if there is none.
    stalks
        Vertex → its stalk, shape (dim, batch); None if the request did not ask for stalks.
    view
        The view of the host: measurements of its edges and pins, and its counters. None if the
        runtime did not ask for a view.
    maps
        Edge → the map at its tail, if the request asks for stalks and the rule learns; else empty.
    edge_states
        (Step, edge) → state of the edge after that step of training. A state is in every report
        until the step ``known`` of a request shows that the coordinator has the state.
    busy
        Seconds in which vertices of this incarnation stepped; 0 if the runtime does not measure
        them.
    uptime
        Seconds since this incarnation began; 0 if the runtime does not measure them.
    """

    run: str
    host: str
    incarnation: int
    wave: int
    idle: bool
    sent: int
    accepted: int
    stationarity: Mapping[str, float]
    messages: int
    pins_version: int
    exploded: str | None
    stalks: Mapping[str, Array] | None
    view: EdgeView | None = None
    maps: Mapping[str, RestrictionMap] = field(default_factory=dict)
    edge_states: Mapping[StepEdge, EdgeState] = field(default_factory=dict)
    batches_left: int = 0
    busy: float = 0.0
    uptime: float = 0.0

    @property
    def incarnation_id(self) -> tuple[str, int]:
        """The name of the run and the incarnation. The pair changes with each rebuild of the host.

        The incarnation alone is not sufficient. In a rollback to the latest snapshot the host is
        built again and the run gets another name, but the incarnation may remain the same.
        """
        return self.run, self.incarnation


@dataclass(frozen=True)
class SetPins:
    """A command to a host to replace its pins.

    Attributes
    ----------
    pins_version
        Version of the pins; a host ignores a command whose version is not larger than its own.
    constraints
        Vertex → its pins and the set of its held neighbours, for every vertex of the host.
    rule
        The rule, with the values of its unset settings chosen for these pins.
    """

    pins_version: int
    constraints: Mapping[str, Constraint]
    rule: Rule


@dataclass(frozen=True)
class SetThreshold:
    """A command to every host to replace the send threshold of its vertices.

    Attributes
    ----------
    threshold
        Largest change of a projection that a vertex may withhold, at least 0.
    """

    threshold: float


@dataclass(frozen=True)
class SetFrozen:
    """A command to every host to stop or resume the steps of its vertices.

    Attributes
    ----------
    frozen
        True to stop the steps, False to resume them.
    """

    frozen: bool


@dataclass(frozen=True)
class Finished:
    """The decision of the coordinator that the run is over.

    Attributes
    ----------
    outcome
        The outcome of the run.
    message
        The outcome in words, with details of this run.
    cochain
        Vertex → its stalk at the end, shape (dim, batch).
    """

    outcome: Outcome
    message: str
    cochain: Cochain


@dataclass(frozen=True)
class Settled:
    """The decision of the coordinator that a stay run has converged under its present pins.

    Attributes
    ----------
    cochain
        Vertex → its stalk, shape (dim, batch).
    """

    cochain: Cochain
