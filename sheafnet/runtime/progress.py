"""The progress of a run, assembled from the measurements of its groups of vertices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from sheafnet.core.energy import discord
from sheafnet.core.maps import RestrictionMap
from sheafnet.dynamics.counters import Counters, sum_counters
from sheafnet.dynamics.group import Group
from sheafnet.dynamics.training_state import EdgeStats

NO_RESTARTS: Final[Mapping[str, int]] = MappingProxyType({})


@dataclass(frozen=True)
class EdgeView:
    """Measurements of a group of vertices: its edges, its pins and its work.

    Attributes
    ----------
    discord
        Edge → its discord, for every edge whose tail is a member; empty before every member has
        received all projections. Under a rule that learns in steps, the discord in the last step.
    pin_discord
        Soft pin → its discord, for every soft pin of a member.
    energy
        Energy of these edges and pins, summed over the batch; 0 before every member has received
        all projections.
    counters
        Work and traffic of the group in this incarnation.
    edge_stats
        Edge → its statistics in the last step, under a rule that learns in steps; else empty.
    maps
        Edge → the map at its tail. In lockstep under every rule that learns; on hosts only under a
        rule that learns without steps; else empty.
    """

    discord: Mapping[str, float]
    pin_discord: Mapping[str, float]
    energy: float
    counters: Counters
    edge_stats: Mapping[str, EdgeStats]
    maps: Mapping[str, RestrictionMap]

    @classmethod
    def of(cls, group: Group, counters: Counters, maps: Mapping[str, RestrictionMap]) -> EdgeView:
        """Return the measurements of ``group``.

        Parameters
        ----------
        group
            The group to measure.
        counters
            Its work and traffic, with its frames if it belongs to a host.
        maps
            Edge → the map at its tail, to be part of the measurements; may be empty.
        """
        return cls(
            discord=group.discord(),
            pin_discord=discord(group.pin_residuals()),
            energy=group.energy(),
            counters=counters,
            edge_stats=group.edge_stats(),
            maps=maps,
        )


@dataclass(frozen=True)
class Progress:
    """The progress of a run, as its vertices report it.

    Attributes
    ----------
    rounds
        Number of rounds so far; see ``sn.Stats``.
    stationarity
        Vertex → its largest force over coordinates and samples. The force is the part of −∇E that
        can move the vertex: 0 at a held coordinate and at one that is settled on a kink. Infinite
        before the vertex has received all projections; 0 under a rule that learns in steps.
    batches_left
        Largest number of batches that a vertex still has to learn from; 0 under a rule that does
        not learn in steps.
    discord
        Edge → its discord, the mean over the batch of ‖r‖², as its tail reports it.
    pin_discord
        Soft pin → its discord, the mean over the batch of γ‖x − y‖², as its vertex reports it.
    energy
        Energy E of all edges and soft pins, summed over the batch: ½ Σ ‖r‖², where an output edge
        may have a loss instead.
    counters
        Work and traffic so far, in detail; see ``sheafnet.dynamics.counters.Counters``.
    time
        Time since the start: seconds on a cluster, virtual time on a simulator, rounds in lockstep.
    restarts
        Host → the number of times that it was restarted; empty in lockstep, which has no hosts.
    converged
        Whether a stay run has converged under its present pins, and no vertex has moved since;
        always false in lockstep.
    maps
        Edge → the map at its tail, for the same rules as in
        ``sheafnet.runtime.progress.EdgeView.maps``.
    edge_stats
        Edge → its statistics in the last step, under a rule that learns in steps; else empty.
    """

    rounds: int
    stationarity: Mapping[str, float]
    batches_left: int
    discord: Mapping[str, float]
    pin_discord: Mapping[str, float]
    energy: float
    counters: Counters
    time: float
    restarts: Mapping[str, int] = field(default_factory=dict)
    converged: bool = False
    maps: Mapping[str, RestrictionMap] = field(default_factory=dict)
    edge_stats: Mapping[str, EdgeStats] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        views: Iterable[EdgeView],
        counters: Iterable[Counters],
        *,
        rounds: int,
        stationarity: Mapping[str, float],
        batches_left: int,
        time: float,
        restarts: Mapping[str, int] = NO_RESTARTS,
        converged: bool = False,
    ) -> Progress:
        """Return the progress that the measurements of all groups of vertices amount to.

        Parameters
        ----------
        views
            Measurements of the groups, one for each group.
        counters
            Counters of the groups, one for each group and each of its earlier incarnations.
        rounds, stationarity, batches_left, time, restarts, converged
            The fields of the same names.
        """
        views = list(views)
        return cls(
            rounds=rounds,
            stationarity=stationarity,
            batches_left=batches_left,
            discord={edge: value for view in views for edge, value in view.discord.items()},
            pin_discord={pin: value for view in views for pin, value in view.pin_discord.items()},
            energy=sum(view.energy for view in views),
            counters=sum_counters(counters),
            time=time,
            restarts=dict(restarts),
            converged=converged,
            maps={edge: it for view in views for edge, it in view.maps.items()},
            edge_stats={edge: stats for view in views for edge, stats in view.edge_stats.items()},
        )

    @property
    def updates(self) -> int:
        """Number of steps so far, summed over the vertices."""
        return sum(self.counters.updates.values())

    @property
    def messages(self) -> int:
        """Number of messages so far that were newer than what their receivers held."""
        return self.counters.messages
