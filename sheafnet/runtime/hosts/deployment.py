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
"""Ratio of the send threshold at the start to the ``tolerance`` of the problem."""


@dataclass(frozen=True)
class Deployment:
    """The hosts of a problem, and the data from which each is built.

    Attributes
    ----------
    problem
        The problem that the hosts run.
    run
        Name of the run.
    placement
        Which vertex is on which host; see ``sheafnet.runtime.hosts.placement.hosts_of``.
    send_policy
        Limit on the frames in flight from a host to a peer, and timeouts for resending messages.
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
            If ``placement`` is neither a mapping nor the name of a scheme; or if a vertex of the
            sheaf is missing in the mapping or occurs twice in it.
        UnknownNameError
            If the mapping has a vertex that the sheaf does not have.
        """
        return hosts_of(self.problem.sheaf, self.placement)

    @cached_property
    def host_of(self) -> dict[str, str]:
        """Vertex → its host."""
        return {vertex: host for host, vertices in self.members.items() for vertex in vertices}

    @property
    def send_threshold(self) -> float:
        """Send threshold at the start: changes of a projection of at most this size are not sent.

        If ``may_withhold`` of the rule is false, or if its ``is_exact`` is true, the threshold is 0
        and every change is sent.
        """
        return WITHHELD_SHARE * self.problem.tolerance if self.problem.rule.may_withhold else 0.0

    def with_pins(self, pins: Pins) -> Deployment:
        """Return a copy of the deployment in which ``pins`` replaces all pins.

        The ``pins_version`` of the copy is larger by 1.

        Parameters
        ----------
        pins
            Vertex → the pins of its stalk. A vertex that is not in it has no pins in the copy.
        """
        return replace(
            self, problem=self.problem.with_pins(pins), pins_version=self.pins_version + 1
        )

    def resumed(self, snapshot: Snapshot | None) -> Deployment:
        """Return a copy of the deployment that resumes training, under another name of the run.

        Parameters
        ----------
        snapshot
            The snapshot from which training is resumed; with None it starts at step 0 again.
        """
        name, _, number = self.run.partition("+")
        run = f"{name}+{int(number or 0) + 1}"
        return replace(self, problem=replace(self.problem, resumed=snapshot), run=run)

    def pins_order(self, name: str) -> SetPins:
        """Return the command that a host replaces its pins by the present pins of the run.

        Parameters
        ----------
        name
            Name of the host.
        """
        problem = self.problem
        constraints = {vertex: problem.constraint(vertex) for vertex in self.members[name]}
        return SetPins(self.pins_version, constraints, problem.fitted_rule)

    def hosts(self) -> dict[str, Host]:
        """Build all hosts, in incarnation 0, and return host name → host.

        Raises
        ------
        InputError
            If the placement is not valid; see ``members``.
        RuleError
            If the rule has no program for a vertex; see ``sheafnet.dynamics.rule.Rule.start``.
        """
        return {name: self.host_spec(name).build() for name in self.members}

    def host_spec(
        self, name: str, incarnation: int = 0, send_threshold: float | None = None
    ) -> HostSpec:
        """Return the data from which one host is built.

        Parameters
        ----------
        name
            Name of the host.
        incarnation
            Number of times that the host has been restarted; 0 by default.
        send_threshold
            Largest change of a projection that is not sent. With None (default) it is the property
            ``send_threshold``, the value at the start of the run.
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
