"""The deployment of a problem: which vertices each host has, and how the hosts are built."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from sheafnet.core.stalkpins import Pins
from sheafnet.runtime.hosts.control import SetPins
from sheafnet.runtime.hosts.host import Host
from sheafnet.runtime.hosts.host_spec import HostSpec
from sheafnet.runtime.hosts.placement import Placement, hosts_of
from sheafnet.runtime.hosts.send_policy import SendPolicy
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.snapshot import Snapshot

WITHHELD_SHARE = 0.05
"""Send threshold at the start, as a share of the stop tolerance."""


@dataclass(frozen=True)
class Deployment:
    """The hosts of a problem, and the data from which each is built.

    Attributes
    ----------
    problem
        The problem to run.
    run
        Name of the run.
    placement
        Which vertices share a host; see ``sheafnet.runtime.hosts.placement.hosts_of``.
    send_policy
        Send window and timeouts of every host.
    pins_version
        Version of the pins of the problem; 0 for the first pins.
    """

    problem: Problem
    run: str
    placement: Placement
    send_policy: SendPolicy
    pins_version: int = 0

    @cached_property
    def members(self) -> dict[str, tuple[str, ...]]:
        """Host → its vertices, in the order of the sheaf.

        Raises
        ------
        InputError
            If there is no such placement, or if a mapping leaves a vertex out or has it twice.
        UnknownNameError
            If a mapping has a vertex that the sheaf does not have.
        """
        return hosts_of(self.problem.sheaf, self.placement)

    @cached_property
    def host_of(self) -> dict[str, str]:
        """Vertex → its host."""
        return {vertex: host for host, vertices in self.members.items() for vertex in vertices}

    @property
    def send_threshold(self) -> float:
        """Largest change of a projection that a vertex may withhold at first, or 0."""
        return WITHHELD_SHARE * self.problem.tolerance if self.problem.rule.may_withhold else 0.0

    def with_pins(self, pins: Pins) -> Deployment:
        """Return the deployment with its pins replaced and their version increased by one.

        Parameters
        ----------
        pins
            Vertex → the pins of its stalk.
        """
        return replace(
            self, problem=self.problem.with_pins(pins), pins_version=self.pins_version + 1
        )

    def resumed(self, snapshot: Snapshot | None) -> Deployment:
        """Return the deployment that resumes training, as a run with another name.

        Parameters
        ----------
        snapshot
            The snapshot to resume from; None begins training again.
        """
        name, _, number = self.run.partition("+")
        run = f"{name}+{int(number or 0) + 1}"
        return replace(self, problem=replace(self.problem, resumed=snapshot), run=run)

    def pins_order(self, name: str) -> SetPins:
        """Return the order to one host to put the present pins into force.

        Parameters
        ----------
        name
            The host.
        """
        problem = self.problem
        constraints = {vertex: problem.constraint(vertex) for vertex in self.members[name]}
        return SetPins(self.pins_version, constraints, problem.fitted_rule)

    def hosts(self) -> dict[str, Host]:
        """Return host name → the host, each in its first incarnation.

        Raises
        ------
        InputError
            If the placement is not valid; see ``members``.
        RuleError
            If the rule cannot begin at a vertex.
        """
        return {name: self.host_spec(name).build() for name in self.members}

    def host_spec(
        self, name: str, incarnation: int = 0, send_threshold: float | None = None
    ) -> HostSpec:
        """Return the data from which one host is built.

        Parameters
        ----------
        name
            The host.
        incarnation
            Number of times that the host has been restarted; 0 by default.
        send_threshold
            Largest change of a projection that a vertex may withhold; None (default) takes that of
            the start.
        """
        vertices = tuple(self.problem.vertex_spec(vertex) for vertex in self.members[name])
        near = dict.fromkeys(i.neighbour for vertex in vertices for i in vertex.incidences)
        return HostSpec(
            name,
            self.run,
            vertices,
            {vertex: self.host_of[vertex] for vertex in near if self.host_of[vertex] != name},
            self.problem.fitted_rule,
            incarnation,
            self.pins_version,
            self.send_policy,
            self.send_threshold if send_threshold is None else send_threshold,
        )
