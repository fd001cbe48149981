"""The light cone of a push: two runs that differ in it alone, compared event by event.

Until word of the push has reached a host, its course is the same in both, to the last bit. Word
travels with frames and within a host, and in no other way; that is the whole claim of locality,
and it is checked against the frames that were sent.
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
"""Times of a frame and an update after which what has not changed counts as not reached."""


@dataclass(frozen=True)
class Push:
    """A stalk is changed from outside.

    Attributes
    ----------
    vertex
        Whose.
    at
        Virtual time.
    coordinate
        Which number of the stalk, in every sample.
    by
        How much is added to it.

    Raises
    ------
    InputError
        If it is no push, or not at a time.
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
    """When a push came to a vertex.

    Attributes
    ----------
    distance
        Edges from the pushed vertex; None if there is no path.
    earliest
        Virtual time at which word of the push was first there; infinite if it never was.
    frames
        How many frames had carried that word, one after the other.
    changed
        Virtual time from which the stalk was another than without the push; None if it never was.
    """

    distance: int | None
    earliest: float
    frames: int
    changed: float | None

    @property
    def lawful(self) -> bool:
        """Whether nothing changed before there was word of it."""
        return self.changed is None or self.changed >= self.earliest


@dataclass(frozen=True)
class LightCone:
    """How a push spread.

    Attributes
    ----------
    push
        The push.
    arrivals
        Of every vertex.
    """

    push: Push
    arrivals: Mapping[str, Arrival]

    @property
    def violations(self) -> tuple[str, ...]:
        """Vertices that knew of the push before any word of it was there."""
        return tuple(vertex for vertex, it in self.arrivals.items() if not it.lawful)


class _Recorder:
    """The sink that records every change of a stalk, and every frame."""

    def __init__(self, problem: Problem, simulator: Simulator) -> None:
        deployment = simulator.deployment(problem)
        self.stalks: dict[str, list[tuple[float, Array]]] = {}
        self.sent: list[FrameSent] = []
        self.simulation = Simulation(simulator, deployment, Trace(deployment.members, self))
        for host in self.simulation.hosts.values():
            self.record(0.0, host)

    def send(self, sent: FrameSent) -> None:
        """Keep a frame on its way."""
        self.sent.append(sent)

    def note(self, now: float, kind: EventKind, host: str, number: int) -> None:  # noqa: ARG002
        """Keep what the stalks of a host are after whatever happened to it."""
        if host in self.simulation.hosts:
            self.record(now, self.simulation.hosts[host])

    def record(self, now: float, host: Host) -> None:
        """Keep the stalks of ``host`` that are others than before."""
        for vertex, stalk in host.group.stalks().items():
            history = self.stalks.setdefault(vertex, [])
            if not history or history[-1][1] is not stalk:
                history.append((now, stalk))


def spread(
    problem: Problem, simulator: Simulator, push: Push, *, to_the_last: bool = True
) -> LightCone:
    """Run ``problem`` with ``push`` and without, and return how the push spread.

    No coordinator takes part, which could carry word faster than frames do, and events at the
    same time happen in the fixed order: a drawn one hangs on all that has happened anywhere.

    Parameters
    ----------
    problem, simulator, push
        What is run, where, and what is done to it.
    to_the_last
        See ``api.light_cone``.

    Raises
    ------
    InputError
        If there is nothing to push there, or its host is down then.
    UnknownNameError
        If there is no such vertex.
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
    dim = problem.sheaf.stalk_dim(push.vertex)
    if not 0 <= push.coordinate < dim:
        raise InputError(
            f"push of {push.vertex!r}: no coordinate {push.coordinate}, it has 0 to {dim - 1}"
        )
    pins = problem.constraint(push.vertex).pins
    if pins is not None and pins.held[push.coordinate]:
        raise InputError(f"push of {push.vertex!r}: coordinate {push.coordinate} is held by a pin")


class _Twins:
    """A run with a push and the same without, and how they have differed so far.

    Attributes
    ----------
    host_of
        Vertex → its host.
    changed
        Vertex → when its stalk first differed.
    reached
        Host → when there could first be word of the push, and how many frames had carried it.
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
        """Let both go on until then, and compare them."""
        for recorder in self._recorders:
            recorder.simulation.advance_to(time)
        self._spread()
        for vertex in self._alike.keys() - self.changed.keys():
            first = self._first_difference(vertex)
            if first is not None:
                self.changed[vertex] = first

    def _spread(self) -> None:
        """Follow the frames since the last time, in the order of their sending.

        A frame that arrives carries word if it is sent where there is word, with the push or
        without: what is not sent tells as much.
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
        """Return when the stalk first differed; None if it has not so far."""
        one, other = (recorder.stalks[vertex] for recorder in self._recorders)
        shorter = min(len(one), len(other))
        for index in range(self._alike[vertex], shorter):
            (then, before), (now, after) = one[index], other[index]
            if then != now or not np.array_equal(before, after):
                return min(then, now)
        self._alike[vertex] = shorter
        longer = one if len(one) > len(other) else other
        return longer[shorter][0] if len(longer) > shorter else None
