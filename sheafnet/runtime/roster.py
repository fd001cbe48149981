"""The hosts of a problem: who lives where, and how each is made, again after a restart."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sheafnet.core.stalkpins import Pins
from sheafnet.dynamics.problem import Problem
from sheafnet.runtime.host import Host, Repin
from sheafnet.runtime.outbox import Patience
from sheafnet.runtime.placement import Placement, place

WITHHELD_SHARE = 0.05
"""Share of the stop tolerance below which a change may go unsaid at first."""


@dataclass(frozen=True)
class Roster:
    """A plan of hosts.

    Attributes
    ----------
    problem
        What is run.
    run
        Name of the run.
    placement
        Which vertices share a host.
    patience
        How hosts send.
    version
        Of the pins of the problem.
    """

    problem: Problem
    run: str
    placement: Placement
    patience: Patience
    version: int = 0

    @property
    def members(self) -> dict[str, tuple[str, ...]]:
        """Host → its vertices."""
        return place(self.problem.sheaf, self.placement)

    @property
    def quiet(self) -> float:
        """What a vertex may leave unsaid at first."""
        return WITHHELD_SHARE * self.problem.tolerance if self.problem.rule.may_withhold else 0.0

    def repinned(self, pins: Pins) -> Roster:
        """Return the plan with these pins, and no others."""
        return replace(self, problem=self.problem.repinned(pins), version=self.version + 1)

    def repin(self, name: str) -> Repin:
        """Return the order that has one host obey the pins of now."""
        problem = self.problem
        constraints = {vertex: problem.constraint(vertex) for vertex in self.members[name]}
        return Repin(self.version, constraints, problem.fitted_rule)

    def hosts(self) -> dict[str, Host]:
        """Return every host in its first life."""
        return {name: self.host(name) for name in self.members}

    def host(self, name: str, incarnation: int = 0, quiet: float | None = None) -> Host:
        """Return one host at its start, in a given life."""
        members = self.members
        homes = {v: host for host, vertices in members.items() for v in vertices if host != name}
        vertices = [self.problem.vertex(vertex) for vertex in members[name]]
        for vertex in vertices:
            vertex.star.quiet = self.quiet if quiet is None else quiet
        near = {inc.neighbour for vertex in vertices for inc in vertex.star.incidences}
        return Host(
            name,
            self.run,
            vertices,
            {vertex: host for vertex, host in homes.items() if vertex in near},
            rule=self.problem.fitted_rule,
            incarnation=incarnation,
            pins=self.version,
            patience=self.patience,
        )
