"""The control plane: requests and orders to hosts, their reports, and how a run of hosts ends."""

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
    """Every host is to report.

    Attributes
    ----------
    wave
        Under which number.
    with_stalks
        Whether the stalks are wanted, and the maps where they change.
    known
        Up to which step of training all has arrived that was kept.
    drain
        Whether no batch is to begin any more, so that all hosts end after the same step.
    """

    wave: int
    with_stalks: bool = False
    known: int = 0
    drain: bool = False


@dataclass(frozen=True)
class StatusReport:
    """What a host tells the coordinator.

    Attributes
    ----------
    run
        Which; another after a rollback.
    host, incarnation
        Which host, and how often it had been restarted.
    wave
        The question that this answers.
    idle
        Whether no vertex has a reason to step and everything said has been acknowledged.
    sent, accepted
        Messages for other hosts, and from them that were news. Two equal pairs in a row mean
        that nothing happened in between.
    stationarity
        Largest |∇E| of each vertex, from the latest projections of its neighbours.
    batches_left
        How many batches the vertex here that is furthest behind has not learned from yet.
    messages
        Messages kept so far, from members as well.
    pins_version
        Version of the pins that are in force here.
    exploded
        What exploded, in words: a force or a map that is not finite or past all bounds.
    stalks
        The stalks, if they were asked for.
    view
        The edges and the work here, if they were asked for.
    maps
        The maps at the tails here, if the stalks were asked for and vertices learn.
    edge_states
        What is kept here of past steps of training, until it is known to have arrived.
    busy, uptime
        Seconds that this incarnation has been busy, and in all, where a runtime takes the time.
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
        """Run and incarnation of the host: a rollback begins another run."""
        return self.run, self.incarnation


@dataclass(frozen=True)
class SetPins:
    """An order to a host to obey other pins.

    Attributes
    ----------
    pins_version
        Version of the pins; the latest wins.
    constraints
        What is pinned at every vertex of the host and next to it.
    rule
        The rule, fitted to these pins.
    """

    pins_version: int
    constraints: Mapping[str, Constraint]
    rule: Rule


@dataclass(frozen=True)
class SetThreshold:
    """Every vertex is to act on, and send, anything larger than ``threshold`` from now on."""

    threshold: float


@dataclass(frozen=True)
class SetFrozen:
    """No vertex of any host is to step from now on, or all may again."""

    frozen: bool


@dataclass(frozen=True)
class Finished:
    """The run is over."""

    outcome: Outcome
    message: str
    cochain: Cochain


@dataclass(frozen=True)
class Settled:
    """A run that stays has converged under the pins of now."""

    cochain: Cochain
