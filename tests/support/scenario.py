"""Checks of a run on any hostile simulated network, and a parallel sweep over seeds."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

import sheafnet as sn
from sheafnet.dynamics.inbox import Entry
from sheafnet.dynamics.messages import Key
from sheafnet.runtime.hosts.control import StatusRequest
from sheafnet.runtime.hosts.host import Host
from sheafnet.runtime.hosts.host_spec import HostSpec
from sheafnet.runtime.interface import RunHooks
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.simulator.simulation import Simulation
from sheafnet.runtime.simulator.trace import EventKind, FrameSent

CLOSE = 1e-6
AHEAD = 8
"""Seeds per core that are submitted ahead of the oldest seed not yet reported."""

PATIENCE = 10**6
"""Rounds after which a run counts as hanging."""


@dataclass(frozen=True, eq=False)
class Scenario:
    """A problem, the simulated network on which it runs, and the cochain that it must reach."""

    name: str
    problem: Problem
    simulator: sn.Simulator
    oracle: sn.Cochain


class FailedError(AssertionError):
    """Violation of one of the conditions that ``play`` checks."""


def play(case: Scenario) -> str:
    """Run one scenario; return a line that describes the result.

    Raises
    ------
    FailedError
        If the run did not converge, ended more than 1e-6 away from the oracle, was not idle when
        the last wave began, or moved a stalk or sent anything after that; if a message passed
        between vertices that are not neighbours, an inbox replaced a message by an older one, a
        host miscounted its messages, or a frame crossed a partition.
    """
    try:
        return f"{case.name:28s} {_judged(case)}"
    except FailedError as failure:
        raise FailedError(f"{case.name}: {failure}") from None


def _judged(case: Scenario) -> str:
    with only_newer():
        simulation = case.simulator.simulation(case.problem)
        waves = watch_waves(simulation)
        watch_partitions(simulation)
        record = simulation.run(RunHooks())
    if record.outcome is not sn.Outcome.CONVERGED:
        raise FailedError(record.message)
    if not waves[-1].idle:
        raise FailedError("not idle when the last wave began")
    apart = max(float(np.abs(record.cochain[v] - case.oracle[v]).max()) for v in case.oracle)
    if not apart <= CLOSE:
        raise FailedError(f"converged {apart:.1e} away from the oracle")
    graph = case.problem.sheaf.graph
    if any(to not in graph.neighbours(sender) for sender, to in record.ledger):
        raise FailedError("a message passed between strangers")
    check_counts(simulation)
    drain(simulation, waves[-1])
    stats = record.stats
    return (
        f"{apart:.1e} from the oracle, virtual time "
        f"{stats.virtual_time:9,.0f}, {stats.updates:9,} updates, {stats.frames:8,} frames, "
        f"worst staleness {stats.max_staleness:5,}"
    )


class WatchedEntries(dict[Key, Entry]):
    """Entries of an inbox that must be replaced by newer ones only.

    Raises
    ------
    FailedError
        If an entry is replaced by one that is not newer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.kept = 0
        self._newest: dict[Key, tuple[int, int]] = {}

    def __setitem__(self, key: Key, entry: Entry) -> None:
        stamp = entry[:2]
        if stamp <= self._newest.get(key, (-1, -1)):
            raise FailedError(f"{key} went back to an older message")
        self._newest[key] = stamp
        self.kept += 1
        super().__setitem__(key, entry)


@contextlib.contextmanager
def only_newer() -> Iterator[None]:
    """Give every inbox that is built inside the context ``WatchedEntries``."""
    build = HostSpec.build

    def watched(self: HostSpec) -> Host:
        made = build(self)
        for vertex in made.group.vertices.values():
            vertex.inbox.entries = WatchedEntries()
        return made

    HostSpec.build = watched  # type: ignore[method-assign]
    try:
        yield
    finally:
        HostSpec.build = build  # type: ignore[method-assign]


def check_counts(simulation: Simulation) -> None:
    """Check that every incarnation of a host counted each message that it kept once.

    Raises
    ------
    FailedError
        If the two numbers differ on a host.
    """
    for host in simulation.every_incarnation():
        kept = 0
        for vertex in host.group.vertices.values():
            entries = vertex.inbox.entries
            assert isinstance(entries, WatchedEntries)
            kept += entries.kept
        if host.group.messages != kept:
            raise FailedError(f"{host.name} counts {host.group.messages} messages and kept {kept}")


class Wave(NamedTuple):
    """Virtual time at which a wave began, and whether all hosts were in fact idle then."""

    began: float
    idle: bool


def watch_waves(simulation: Simulation) -> list[Wave]:
    """Record at the beginning of every wave whether all hosts are idle.

    Two equal waves prove that all hosts were idle when the second one began; one wave does not.
    The list that is returned grows during the run.
    """
    waves: list[Wave] = []
    begin_wave = simulation.coordinator.begin_wave

    def watched() -> StatusRequest:
        everyone = simulation.hosts.keys() == simulation.incarnations.keys()
        idle = everyone and all(map(is_idle, simulation.hosts.values()))
        waves.append(Wave(simulation.kernel.now, idle))
        return begin_wave()

    simulation.coordinator.begin_wave = watched  # type: ignore[method-assign]
    return waves


def is_idle(host: Host) -> bool:
    """Return whether no vertex is runnable and all sent messages have been acknowledged.

    An idle host may still acknowledge a copy of a frame that arrives late.
    """
    moves = any(vertex.runnable for vertex in host.group.vertices.values())
    acknowledged = host.transport.all_acknowledged
    return host.started and acknowledged and not moves


def watch_partitions(simulation: Simulation) -> None:
    """Install a trace sink that raises ``FailedError`` when a frame crosses a partition."""
    hosts = simulation.incarnations.keys()
    between: dict[tuple[str, str], list[sn.Partition]] = defaultdict(list)
    for partition in simulation.settings.partitions:
        for near, far in itertools.product(
            partition.hosts, partition.others or hosts - set(partition.hosts)
        ):
            between[near, far].append(partition)
            between[far, near].append(partition)

    simulation.trace.sink = PartitionWatch(between)


@dataclass(frozen=True)
class PartitionWatch:
    """Trace sink that raises ``FailedError`` when a frame crosses a partition.

    Attributes
    ----------
    between
        Partitions that separate each pair of hosts, sender first.
    """

    between: Mapping[tuple[str, str], Sequence[sn.Partition]]

    def send(self, sent: FrameSent) -> None:
        if sent.delay is None:
            return
        for partition in self.between.get((sent.sender, sent.receiver), ()):
            since = sent.at - partition.start
            since = (
                since % partition.every if partition.every is not None and since > 0.0 else since
            )
            if 0.0 <= since < partition.end - partition.start:
                raise FailedError(f"a frame of {sent.sender} crossed the partition at {sent.at}")

    def note(self, now: float, kind: EventKind, host: str, number: int) -> None:
        pass


def drain(simulation: Simulation, last: Wave) -> None:
    """Run all events that are still scheduled, and check that nothing moves or is sent anew.

    Raises
    ------
    FailedError
        If the events do not come to an end, a stalk changes, or a host sends a new message.
    """
    hosts = simulation.hosts
    before = {name: (host.sent, host.group.stalks()) for name, host in hosts.items()}
    settings = simulation.settings
    last_crash = max((r.at + r.down for r in settings.restarts), default=0.0)
    if last.began < last_crash:
        return  # a host that restarts after its idle report has to step and send again
    for _ in range(100_000):
        if not simulation.kernel.advance():
            break
    else:
        raise FailedError("not silent after it converged")
    for name, host in hosts.items():
        sent, stalks = before[name]
        moved = any(host.group.stalks()[v] is not stalk for v, stalk in stalks.items())
        if host.sent != sent or moved:
            raise FailedError(f"{name} went on after convergence was declared")


def attempt(play_seed: Callable[[int], str], seed: int) -> tuple[bool, str]:
    """Play one seed; return whether it passed, and a line that describes the result."""
    try:
        return True, play_seed(seed)
    except FailedError as failure:
        return False, f"FAILED {failure}"


def sweep(
    play_seed: Callable[[int], str], seeds: Iterable[int], seconds: float = float("inf")
) -> None:
    """Play ``seeds`` in one process per core, print the results in order, and exit.

    No seed is submitted after ``seconds``. The exit code is 1 if a seed failed, otherwise 0.
    """
    began, played, failed = time.perf_counter(), 0, 0
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores) as pool:
        pending = deque[Future[tuple[bool, str]]]()
        left = iter(seeds)
        while True:
            while len(pending) <= AHEAD * cores and time.perf_counter() - began < seconds:
                seed = next(left, None)
                if seed is None:
                    break
                pending.append(pool.submit(attempt, play_seed, seed))
            if not pending:
                break
            well, line = pending.popleft().result()
            played, failed = played + 1, failed + (not well)
            print(line, flush=True)
    took = time.perf_counter() - began
    print(f"{played - failed} passed, {failed} failed in {took:.0f} s")
    sys.exit(bool(failed))
