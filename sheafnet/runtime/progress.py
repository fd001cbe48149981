"""The progress of a run, assembled from the measurements of its groups of vertices.

A group is the vertices of one host. In lockstep it is all vertices.
"""

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
    """A view: the measurements of the edges and soft pins of a group of vertices, and its counters.

    The vertices of the group are its members. An edge belongs to the group that has its tail.

    Attributes
    ----------
    discord
        Edge → its discord (mean squared norm of the residual over the batch), for every edge whose
        tail is a member. Empty before every member has received all projections. Under a rule that
        learns from batches, it is the discord in the last step of training.
    pin_discord
        Name of a soft pin → its discord, for every soft pin of a member.
    energy
        Energy of the edges whose tail is a member and of the soft pins of members, summed over the
        batch; 0 before every member has received all projections.
    counters
        Numbers of steps and messages of the group since the last restart of its host.
    edge_stats
        Edge → its statistics in the last step of training. Empty unless the rule learns from
        batches.
    maps
        Edge → the map at its tail. Filled in lockstep if the rule updates maps. On hosts filled if
        the rule updates maps but does not learn from batches. Otherwise empty.
    """

    discord: Mapping[str, float]
    pin_discord: Mapping[str, float]
    energy: float
    counters: Counters
    edge_stats: Mapping[str, EdgeStats]
    maps: Mapping[str, RestrictionMap]

    @classmethod
    def of(cls, group: Group, counters: Counters, maps: Mapping[str, RestrictionMap]) -> EdgeView:
        """Measure ``group`` and return the view.

        Parameters
        ----------
        group
            The group to measure.
        counters
            Numbers of steps and messages of the group. If the group belongs to a host, they include
            the number of frames of the host.
        maps
            Edge → the map at its tail; the value of the field ``maps`` of the view. It may be
            empty.
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
    """The progress of a run, computed from the latest measurements of its vertices.

    Attributes
    ----------
    rounds
        Number of rounds so far, as ``sn.Stats`` defines them.
    stationarity
        Vertex → its largest force over coordinates and samples. The force is the part of −∇E that
        can move the vertex: 0 at a held coordinate and at a coordinate that is settled on a kink.
        The value is infinite before the vertex has received all projections. Under a rule that
        learns from batches it is 0, but infinite after an update of a map that was not finite.
    batches_left
        Largest number of batches that a vertex still has to learn from; 0 under a rule that does
        not learn from batches.
    discord
        Edge → its discord, as its tail reports it: the mean over the batch of ‖r‖², where r is the
        residual of the edge.
    pin_discord
        Name of a soft pin → its discord, as its vertex reports it: the mean over the batch of
        γ‖x − y‖², where γ is the strength of the pin, x the pulled part of the stalk and y the
        value towards which it is pulled.
    energy
        Energy E of all edges and soft pins: half the sum of their squared residuals over the batch.
        An output edge may contribute a loss instead of its squared residual.
    counters
        Numbers of steps, messages and frames so far; see ``sheafnet.dynamics.counters.Counters``.
    time
        Time since the start: seconds on a cluster, virtual time on a simulator, rounds in lockstep.
    restarts
        Host → the number of times that the host was restarted; empty in lockstep, which has no
        hosts.
    converged
        Whether a stay run has converged under its present pins and no stalk has changed since the
        convergence. It is always false in lockstep.
    maps
        Edge → the map at its tail. ``sheafnet.runtime.progress.EdgeView.maps`` states when it is
        filled.
    edge_stats
        Edge → its statistics in the last step of training. Empty unless the rule learns from
        batches.
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
        """Return the progress of a run from the measurements of all its groups of vertices.

        Parameters
        ----------
        views
            Views, one for each group.
        counters
            Counters of every incarnation of every group.
        rounds, stationarity, batches_left, time, restarts, converged
            The fields of ``Progress`` of the same names.
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
        """Number of messages accepted so far; repeated and outdated messages do not count."""
        return self.counters.messages
