"""The light cone of a push: a comparison of a run that has the push with the same run without it.

A push changes one coordinate of one stalk from outside. The push can influence other hosts only
through frames. The influence begins at the host of the pushed vertex. A frame carries the influence
to its receiver if the influence had reached the sender when the frame was sent. The arrival of the
first such frame at a host is the earliest virtual time at which the influence can reach that host.
Before this time the stalks of the host must be equal in both runs, to the last bit. This comparison
checks the claim of locality: vertices influence each other only through messages along edges. The
times of arrival are computed from the frames that were sent. The influence counts as reaching all
vertices of a host at the same time.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from sheafnet.core.arrays import Array
from sheafnet.core.scalars import unbox
from sheafnet.errors import InputError
from sheafnet.runtime.hosts.host import Host
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.simulator.kernel import Priority
from sheafnet.runtime.simulator.simulation import Simulation
from sheafnet.runtime.simulator.simulator import Simulator
from sheafnet.runtime.simulator.trace import EventKind, FrameSent, Trace

NEVER = (math.inf, 0)

MOST_SLICES = 1000
"""Longest time for which both runs continue after the push, in multiples of
``Simulator.step_time``. A stalk that has not changed after this time counts as never changed."""


@dataclass(frozen=True)
class Push:
    """A change of one coordinate of one stalk, made from outside during a run.

    The coordinate is changed by the same amount in every sample.

    Parameters
    ----------
    vertex
        Name of the vertex whose stalk is changed.
    at
        Virtual time of the change; finite, at least 0.
    coordinate
        Index of the coordinate that is changed, from 0 (default) to dim − 1. It must not be held
        by a pin.
    by
        Number that is added to the coordinate; finite, not 0. The default is 1.

    Raises
    ------
    InputError
        If ``at`` is negative or not finite, or if ``by`` is 0 or not finite.
    """

    vertex: str
    at: float
    coordinate: int = 0
    by: float = 1.0

    def __post_init__(self) -> None:
        unbox(self)
        if not 0.0 <= self.at < math.inf:
            raise InputError(f"push of {self.vertex!r}: at must be finite and not negative")
        if self.by == 0.0 or not math.isfinite(self.by):
            raise InputError(f"push of {self.vertex!r}: by must be finite and not 0")


class Arrival(NamedTuple):
    """The time at which a push could reach a vertex, and the time at which the stalk changed.

    Attributes
    ----------
    distance
        Smallest number of edges that connect the pushed vertex to this vertex; None if the two are
        not connected.
    earliest
        Virtual time at which the influence of the push first reached the host of the vertex;
        infinite if it did not reach the host while the runs were observed.
    frames
        Number of frames in the chain that carried the influence to the host; 0 for the host of the
        pushed vertex, and for a host that was not reached.
    changed
        Virtual time at which the stalk first differed from the stalk in the run without the push;
        None if the two were equal while the runs were observed.
    """

    distance: int | None
    earliest: float
    frames: int
    changed: float | None

    @property
    def lawful(self) -> bool:
        """Whether the stalk changed at ``earliest`` or later, or did not change."""
        return self.changed is None or self.changed >= self.earliest


@dataclass(frozen=True)
class LightCone:
    """The times at which a push could influence each vertex, and at which each stalk changed.

    Attributes
    ----------
    push
        The change that was made in one of the two runs.
    arrivals
        Vertex → the time at which the push could reach it and the time at which its stalk changed,
        as a ``sheafnet.runtime.simulator.light_cone.Arrival``.
    """

    push: Push
    arrivals: Mapping[str, Arrival]

    @property
    def violations(self) -> tuple[str, ...]:
        """Names of the vertices whose stalk changed before the push could influence them."""
        return tuple(vertex for vertex, it in self.arrivals.items() if not it.lawful)


class _Recorder:
    """A simulation of which every frame and every change of a stalk is recorded."""

    def __init__(self, problem: Problem, simulator: Simulator) -> None:
        deployment = simulator.deployment(problem)
        self.stalks: dict[str, list[tuple[float, Array]]] = {}
        self.sent: list[FrameSent] = []
        self.simulation = Simulation(simulator, deployment, Trace(deployment.members, self))
        for host in self.simulation.hosts.values():
            self.record(0.0, host)

    def send(self, sent: FrameSent) -> None:
        """Record a copy of a frame, also if it is lost."""
        self.sent.append(sent)

    def note(self, now: float, kind: EventKind, host: str, number: int) -> None:  # noqa: ARG002
        """Record the stalks of a host after an event on this host."""
        if host in self.simulation.hosts:
            self.record(now, self.simulation.hosts[host])

    def record(self, now: float, host: Host) -> None:
        """Record the time and those stalks of ``host`` that have changed since the last call."""
        for vertex, stalk in host.group.stalks().items():
            history = self.stalks.setdefault(vertex, [])
            if not history or history[-1][1] is not stalk:
                history.append((now, stalk))


def spread(
    problem: Problem, simulator: Simulator, push: Push, *, to_the_last: bool = True
) -> LightCone:
    """Run ``problem`` with ``push`` and without it, and return when each vertex was influenced.

    The runs have no coordinator, since its orders could carry influence faster than frames. Events
    at the same time happen in the order of ``sheafnet.runtime.simulator.kernel.Priority``. A random
    order would depend on all earlier events in the network. ``to_the_last`` determines when both
    runs end, but they end at most ``MOST_SLICES`` times ``Simulator.step_time`` after the push.

    Parameters
    ----------
    problem
        The problem to run.
    simulator
        The simulated network. Its settings ``shuffle_ties`` and ``trace`` are ignored.
    push
        The change of a stalk in one of the two runs.
    to_the_last
        If True (default), the runs continue until the stalks of all vertices have changed. Vertices
        that are wholly held by pins, or that are not connected to the pushed vertex, are left out.
        If False, the runs end when the influence has reached the hosts of all connected vertices.
        After that time no change of a stalk can be too early.

    Raises
    ------
    InputError
        If the pushed vertex has no coordinate ``push.coordinate``, if a pin holds that coordinate,
        if the host of the vertex is down at the time of the push, if ``simulator.seed`` is not a
        whole number, if ``simulator.placement`` is an unknown string, or if it leaves out a vertex
        or lists a vertex twice.
    UnknownNameError
        If the sheaf has no vertex ``push.vertex``, if a setting of the simulator names a host that
        does not exist, or if the placement names a vertex that does not exist.
    RuleError
        If the rule cannot begin at a vertex.
    """
    distances = problem.sheaf.graph.distances(push.vertex)
    _require_free(problem, push)
    twins = _Twins(problem, replace(simulator, shuffle_ties=False, trace=None), push)
    can_be_reached = {twins.host_of[vertex] for vertex in distances}
    can_change = distances.keys() - problem.pinned if to_the_last else set()
    slices = 0
    while slices < MOST_SLICES and not (
        twins.changed.keys() >= can_change and twins.reached.keys() >= can_be_reached
    ):
        slices += 1
        twins.advance_to(push.at + slices * simulator.step_time(problem))
    return LightCone(
        push,
        {
            vertex: Arrival(
                distances.get(vertex),
                *twins.reached.get(twins.host_of[vertex], NEVER),
                twins.changed.get(vertex),
            )
            for vertex in problem.sheaf.vertices
        },
    )


def _require_free(problem: Problem, push: Push) -> None:
    """Check that the pushed coordinate exists and that no pin holds it.

    Raises
    ------
    InputError
        If the vertex has no coordinate ``push.coordinate``, or if a pin holds that coordinate.
    """
    dim = problem.sheaf.stalk_dim(push.vertex)
    if not 0 <= push.coordinate < dim:
        raise InputError(
            f"push of {push.vertex!r}: no coordinate {push.coordinate}, it has 0 to {dim - 1}"
        )
    pins = problem.constraint(push.vertex).pins
    if pins is not None and pins.held[push.coordinate]:
        raise InputError(f"push of {push.vertex!r}: coordinate {push.coordinate} is held by a pin")


class _Twins:
    """A run without the push and the same run with it, and the differences found so far.

    Attributes
    ----------
    host_of
        Vertex → name of its host.
    changed
        Vertex → virtual time at which its stalk first differed between the runs. Vertices whose
        stalk has not differed are not listed.
    reached
        Host → virtual time at which the influence of the push first reached the host, and number
        of frames in the chain that carried the influence. Other hosts are not listed.
    """

    def __init__(self, problem: Problem, simulator: Simulator, push: Push) -> None:
        self._recorders = tuple(_Recorder(problem, simulator) for _ in range(2))
        self._alike = dict.fromkeys(problem.sheaf.vertices, 0)
        simulation = self._recorders[1].simulation
        change = np.zeros_like(problem.start[push.vertex])
        change[push.coordinate] = push.by
        simulation.kernel.at(push.at, Priority.FAULT, simulation.disturb, (push.vertex, change))
        self.host_of = simulation.deployment.host_of
        self.changed: dict[str, float] = {}
        self.reached = {self.host_of[push.vertex]: (push.at, 0)}

    def advance_to(self, time: float) -> None:
        """Continue both runs until virtual time ``time``; update ``changed`` and ``reached``."""
        for recorder in self._recorders:
            recorder.simulation.advance_to(time)
        self._spread()
        for vertex in self._alike.keys() - self.changed.keys():
            first = self._first_difference(vertex)
            if first is not None:
                self.changed[vertex] = first

    def _spread(self) -> None:
        """Update ``reached`` with the frames sent since the last call, in the order of sending.

        A frame that arrives carries the influence if the influence had reached its sender when the
        frame was sent. Frames of both runs count: a frame that is missing in the run with the push
        is a difference as well.
        """
        for sent in heapq.merge(
            *(recorder.sent for recorder in self._recorders), key=itemgetter(0)
        ):
            since, frames = self.reached.get(sent.sender, NEVER)
            if since <= sent.at and sent.arrives < self.reached.get(sent.receiver, NEVER)[0]:
                self.reached[sent.receiver] = (sent.arrives, frames + 1)
        for recorder in self._recorders:
            recorder.sent.clear()

    def _first_difference(self, vertex: str) -> float | None:
        """Return when the stalk first differed between the runs; None if it has not differed."""
        one, other = (recorder.stalks[vertex] for recorder in self._recorders)
        shorter = min(len(one), len(other))
        for index in range(self._alike[vertex], shorter):
            (then, before), (now, after) = one[index], other[index]
            if then != now or not np.array_equal(before, after):
                return min(then, now)
        self._alike[vertex] = shorter
        longer = one if len(one) > len(other) else other
        return longer[shorter][0] if len(longer) > shorter else None
