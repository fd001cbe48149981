"""The progress of a run: what groups of vertices show of their edges, put together."""

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
    """What a group of vertices shows of its edges and its work.

    Attributes
    ----------
    discord
        Of every edge whose tail is a member; empty before every projection has been received.
    pin_discord
        Of every soft pin of a member.
    energy
        Of these edges and pins.
    counters
        What was done in this incarnation.
    edge_stats
        The last statistics of these edges, where maps learn in steps.
    maps
        The maps at the tails here, where they learn without steps.
    """

    discord: Mapping[str, float]
    pin_discord: Mapping[str, float]
    energy: float
    counters: Counters
    edge_stats: Mapping[str, EdgeStats]
    maps: Mapping[str, RestrictionMap]

    @classmethod
    def of(cls, group: Group, counters: Counters, maps: Mapping[str, RestrictionMap]) -> EdgeView:
        """Return what ``group`` shows, with its counters and the maps that it is to show."""
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
    """How far a run has come, as its vertices report it.

    Attributes
    ----------
    rounds
        As in ``Stats``.
    stationarity
        Largest |∇E| of every vertex; 0 under a rule that learns in steps.
    batches_left
        How many batches the vertex that is furthest behind has not learned from yet; 0 under a
        rule that does not learn in steps.
    discord
        Mean over the batch of ‖r‖² of every edge, reported by its tail.
    pin_discord
        The same of every soft pin, reported by its vertex.
    energy
        Of all edges, soft pins and samples; ½ Σ ‖r‖² but for a loss at the output.
    counters
        What was done so far, in detail.
    time
        Virtual time; seconds on a cluster.
    restarts
        Host → how often it was restarted; empty in lockstep, which has no hosts.
    converged
        Whether a run that stays has converged under the pins of now, and nothing has moved since.
    maps
        Edge → the map at its tail, under a rule that learns.
    edge_stats
        Edge → what its tail saw last, under a rule that learns in steps.
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
        """Return the progress of groups of vertices.

        Parameters
        ----------
        views
            One of each group.
        counters
            Of every group, and of its earlier incarnations.
        rounds, stationarity, batches_left, time, restarts, converged
            See ``Progress``.
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
        """Steps of single vertices."""
        return sum(self.counters.updates.values())

    @property
    def messages(self) -> int:
        """Messages that were news to their receiver."""
        return self.counters.messages
