"""The specification of a host: data only, which can travel where the host itself cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sheafnet.dynamics.rule import Rule
from sheafnet.dynamics.vertex_spec import VertexSpec
from sheafnet.runtime.hosts.host import Host
from sheafnet.runtime.hosts.send_policy import SendPolicy


@dataclass(frozen=True, eq=False)
class HostSpec:
    """One host at the start of an incarnation.

    Attributes
    ----------
    name
        Of the host.
    run
        Of the run.
    vertices
        Who lives there.
    host_of
        Vertex → host, for every neighbour of a vertex there that lives elsewhere.
    rule
        What the vertices there do.
    incarnation
        How often the host has been restarted.
    pins_version
        Version of the pins that the vertices are made with.
    send_policy
        Window and timeout towards every peer.
    send_threshold
        What a vertex may leave unsaid at first.
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
        """Hosts with a neighbour of a vertex there."""
        return tuple(dict.fromkeys(self.host_of.values()))

    def build(self) -> Host:
        """Return the host."""
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
