"""The light cone of a push: a comparison of two runs, of which one has the push and the other not.

The push is an event that can influence other hosts only through frames. A chain of frames, each
sent by a host that the influence has reached before, gives the earliest virtual time at which
the influence can reach a host. Until then the stalks of the host must be the same in both runs,
to the last bit. That is the whole claim of locality, and it is checked against the frames that were
sent. On a host the influence is taken to reach all vertices at once.
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
"""Longest observation after the push, in multiples of ``Simulator.step_time``: a vertex without a
change by then counts as never changed."""


@dataclass(frozen=True)
class Push:
    """A change of one coordinate of a stalk from outside, in every sample, during a run.

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
    """The times at which a push could reach a vertex, and at which it changed the stalk.

    Attributes
    ----------
    distance
        Number of edges on the shortest path from the pushed vertex; None if there is no path.
    earliest
        Virtual time at which the influence of the push first reached the host of the vertex;
        infinite if it did not while the run was observed.
    frames
        Number of frames in the chain that carried the influence there.
    changed
        Virtual time from which the stalk differs from that without the push; None if it did not
        while the run was observed.
    """

    distance: int | None
    earliest: float
    frames: int
    changed: float | None

    @property
    def lawful(self) -> bool:
        """Whether the stalk did not change before the influence of the push could reach it."""
        return self.changed is None or self.changed >= self.earliest


@dataclass(frozen=True)
class LightCone:
    """The spread of a push through a network.

    Attributes
    ----------
    push
        The push.
    arrivals
        Vertex → when the push could reach it and when it changed its stalk, as a
        ``sheafnet.runtime.simulator.light_cone.Arrival``.
    """

    push: Push
    arrivals: Mapping[str, Arrival]

    @property
    def violations(self) -> tuple[str, ...]:
        """Vertices whose stalk changed before the influence of the push could reach them."""
        return tuple(vertex for vertex, it in self.arrivals.items() if not it.lawful)


class _Recorder:
    """A simulation whose trace records every frame and every change of a stalk."""

    def __init__(self, problem: Problem, simulator: Simulator) -> None:
        deployment = simulator.deployment(problem)
        self.stalks: dict[str, list[tuple[float, Array]]] = {}
        self.sent: list[FrameSent] = []
        self.simulation = Simulation(simulator, deployment, Trace(deployment.members, self))
        for host in self.simulation.hosts.values():
            self.record(0.0, host)

    def send(self, sent: FrameSent) -> None:
        """Record a frame."""
        self.sent.append(sent)

    def note(self, now: float, kind: EventKind, host: str, number: int) -> None:  # noqa: ARG002
        """Record the stalks of a host after an event there."""
        if host in self.simulation.hosts:
            self.record(now, self.simulation.hosts[host])

    def record(self, now: float, host: Host) -> None:
        """Record the stalks of ``host`` that have changed since the last record."""
        for vertex, stalk in host.group.stalks().items():
            history = self.stalks.setdefault(vertex, [])
            if not history or history[-1][1] is not stalk:
                history.append((now, stalk))


def spread(
    problem: Problem, simulator: Simulator, push: Push, *, to_the_last: bool = True
) -> LightCone:
    """Run ``problem`` with ``push`` and without, and return how the push spread.

    The runs have no coordinator, since its orders could carry influence faster than frames. Events
    at the same time happen in the order of ``sheafnet.runtime.simulator.kernel.Priority``, since a
    drawn order would depend on all earlier events in the network. The parameter ``to_the_last``
    sets their end, which is at most ``MOST_SLICES`` step times after the push.

    Parameters
    ----------
    problem
        The problem to run.
    simulator
        The simulated network; its ``shuffle_ties`` and ``trace`` are ignored.
    push
        The change of a stalk in one of the two runs.
    to_the_last
        Whether to run until the stalk of every vertex has changed (default), apart from vertices
        that are wholly held by pins or have no path to the pushed one. False ends the runs when
        the influence has reached every host: from then on no change can be a violation.

    Raises
    ------
    InputError
        If the pushed vertex has no such coordinate, if a pin holds the coordinate, if the host of
        the vertex is down at the time of the push, or if the placement is not valid for the sheaf.
    UnknownNameError
        If the sheaf has no such vertex, or if the simulator names a host that does not exist.
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
    """Check that the pushed coordinate exists and is free.

    Raises
    ------
    InputError
        If the vertex has no such coordinate, or if a pin holds it.
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
    """A run without a push and the same run with it, and their differences so far.

    Attributes
    ----------
    host_of
        Vertex → its host.
    changed
        Vertex → virtual time at which its stalk first differed.
    reached
        Host → virtual time at which the influence of the push first reached it, and the number of
        frames in the chain that carried it.
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
        """Continue both runs until virtual time ``time``, and compare them."""
        for recorder in self._recorders:
            recorder.simulation.advance_to(time)
        self._spread()
        for vertex in self._alike.keys() - self.changed.keys():
            first = self._first_difference(vertex)
            if first is not None:
                self.changed[vertex] = first

    def _spread(self) -> None:
        """Follow the frames sent since the last call, in the order of sending.

        A frame that arrives carries influence if its sender had been reached when it was sent.
        Frames of both runs count, since a frame that is missing in the pushed run is a difference
        as well.
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
        """Return the virtual time at which the stalk first differed; None if it has not so far."""
        one, other = (recorder.stalks[vertex] for recorder in self._recorders)
        shorter = min(len(one), len(other))
        for index in range(self._alike[vertex], shorter):
            (then, before), (now, after) = one[index], other[index]
            if then != now or not np.array_equal(before, after):
                return min(then, now)
        self._alike[vertex] = shorter
        longer = one if len(one) > len(other) else other
        return longer[shorter][0] if len(longer) > shorter else None
