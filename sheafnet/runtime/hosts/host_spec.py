"""The specification of a host: data from which another process can build the host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sheafnet.dynamics.rule import Rule
from sheafnet.dynamics.vertex_spec import VertexSpec
from sheafnet.runtime.hosts.host import Host
from sheafnet.runtime.hosts.send_policy import SendPolicy


@dataclass(frozen=True, eq=False)
class HostSpec:
    """The data from which one host is built at the start of an incarnation.

    Attributes
    ----------
    name
        Name of the host.
    run
        Name of the run.
    vertices
        Specifications of the vertices of this host, at least one.
    host_of
        Vertex → its host, for every neighbour on another host of a vertex of this host.
    rule
        The rule that the vertices follow, fitted to the sheaf and the pins.
    incarnation
        Number of times that the host has been restarted.
    pins_version
        Version of the pins with which the vertices are built.
    send_policy
        Limit on the number of frames in flight to a peer, and timeouts for resending messages.
    send_threshold
        Largest change of a projection that is not sent, at the start of the incarnation; at least
        0.
    """

    name: str
    run: str
    vertices: tuple[VertexSpec, ...]
    host_of: Mapping[str, str]
    rule: Rule
    incarnation: int
    pins_version: int
    send_policy: SendPolicy
    send_threshold: float

    @property
    def peers(self) -> tuple[str, ...]:
        """Names of the peers: all other hosts that have a neighbour of a vertex of this host."""
        return tuple(dict.fromkeys(self.host_of.values()))

    def build(self) -> Host:
        """Build the host and return it.

        Raises
        ------
        RuleError
            If the rule has no program for a vertex; see ``sheafnet.dynamics.rule.Rule.start``.
        """
        vertices = [spec.build(self.send_threshold) for spec in self.vertices]
        return Host(
            self.name,
            self.run,
            vertices,
            self.host_of,
            rule=self.rule,
            incarnation=self.incarnation,
            pins_version=self.pins_version,
            send_policy=self.send_policy,
        )
