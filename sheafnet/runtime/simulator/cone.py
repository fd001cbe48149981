"""How fast a change spreads: two runs that differ in one push, compared event by event.

Until word of the push has reached a host, its course is the same in both, to the last bit. Word
travels with frames and within a host, and in no other way; that is the whole claim of locality,
and it is checked against the frames that were sent.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from sheafnet.core.arrays import Array
from sheafnet.dynamics.problem import Problem
from sheafnet.errors import InputError
from sheafnet.runtime.host import Host
from sheafnet.runtime.simulator.kernel import Priority
from sheafnet.runtime.simulator.simulation import Simulation
from sheafnet.runtime.simulator.simulator import Simulator
from sheafnet.runtime.simulator.trace import Trace, What

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


class _Sent(NamedTuple):
    """A frame that was not lost."""

    at: float
    sender: str
    receiver: str
    arrives: float


class _Course(Trace):
    """Keeps what happens to every stalk, and every frame."""

    def __init__(self, hosts: Mapping[str, object]) -> None:
        super().__init__(list(hosts))
        self.stalks: dict[str, list[tuple[float, Array]]] = {}
        self.sent: list[_Sent] = []
        self.simulation: Simulation

    def send(
        self, now: float, sender: str, receiver: str, size: int, checksum: int, delay: float | None
    ) -> None:
        """Keep a frame on its way."""
        super().send(now, sender, receiver, size, checksum, delay)
        if delay is not None:
            self.sent.append(_Sent(now, sender, receiver, now + delay))

    def note(self, now: float, what: What, host: str, number: int) -> None:
        """Keep what the stalks of a host are after whatever happened to it."""
        super().note(now, what, host, number)
        if host in self.simulation.hosts:
            self.look(now, self.simulation.hosts[host])

    def look(self, now: float, host: Host) -> None:
        """Keep the stalks of ``host`` that are others than before."""
        for vertex, stalk in host.group.stalks().items():
            course = self.stalks.setdefault(vertex, [])
            if not course or course[-1][1] is not stalk:
                course.append((now, stalk))


def spread(problem: Problem, simulator: Simulator, push: Push) -> LightCone:
    """Run ``problem`` with ``push`` and without, and return how the push spread.

    No coordinator takes part, which could carry word faster than frames do, and events at the
    same time happen in the fixed order: a drawn one hangs on all that has happened anywhere.

    Raises
    ------
    InputError
        If there is nothing to push there, or its host is down then.
    UnknownNameError
        If there is no such vertex.
    """
    graph = problem.sheaf.graph
    graph.require(push.vertex)
    _require_free(problem, push)
    simulator = replace(simulator, shuffle_ties=False, trace=None)
    undisturbed, disturbed = _course(problem, simulator), _course(problem, simulator)
    homes = disturbed.simulation.roster.homes
    home, distances = homes[push.vertex], graph.distances(push.vertex)
    change = np.zeros_like(problem.start[push.vertex])
    change[push.coordinate] = push.by
    simulation = disturbed.simulation
    simulation.kernel.at(push.at, Priority.FAULT, simulation.disturb, push.vertex, change)
    changed: dict[str, float] = {}
    checked = dict.fromkeys(problem.sheaf.vertices, 0)
    end, reachable = push.at, distances.keys() - problem.pinned
    for _ in range(MOST_SLICES):
        end += simulator.step_time(problem)
        for course in (undisturbed, disturbed):
            course.simulation.advance_to(end)
        for vertex in problem.sheaf.vertices:
            if vertex not in changed:
                time = _first_difference(undisturbed, disturbed, vertex, checked)
                if time is not None:
                    changed[vertex] = time
        if changed.keys() >= reachable:
            break
    frames = heapq.merge(undisturbed.sent, disturbed.sent, key=itemgetter(0))
    word = _word(home, push.at, frames)
    return LightCone(
        push,
        {
            vertex: Arrival(
                distances.get(vertex),
                *word.get(homes[vertex], (math.inf, 0)),
                changed.get(vertex),
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


def _course(problem: Problem, simulator: Simulator) -> _Course:
    roster = simulator.roster(problem)
    course = _Course(roster.members)
    course.simulation = Simulation(simulator, roster, course)
    for host in course.simulation.hosts.values():
        course.look(0.0, host)
    return course


def _first_difference(
    one: _Course, other: _Course, vertex: str, checked: dict[str, int]
) -> float | None:
    """Return when the stalk first differed; None if it has not so far."""
    left, right = one.stalks[vertex], other.stalks[vertex]
    shorter = min(len(left), len(right))
    pairs = zip(left, right, strict=False)
    for (then, before), (now, after) in islice(pairs, checked[vertex], None):
        if then != now or not np.array_equal(before, after):
            return min(then, now)
        checked[vertex] += 1
    longer = left if len(left) > len(right) else right
    return longer[shorter][0] if len(longer) > shorter else None


def _word(home: str, at: float, frames: Iterable[_Sent]) -> dict[str, tuple[float, int]]:
    """Return for each host when word could first be there, and by how many frames.

    A frame carries word if it is sent where there is word, with the push or without: what is
    not sent tells as much. The frames are in the order of their sending.
    """
    word = {home: (at, 0)}
    never = (math.inf, 0)
    for sent in frames:
        since, frames_so_far = word.get(sent.sender, never)
        if since <= sent.at and sent.arrives < word.get(sent.receiver, never)[0]:
            word[sent.receiver] = (sent.arrives, frames_so_far + 1)
    return word
