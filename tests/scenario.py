"""What a run on a hostile network must come to, whatever the network: shared by the sweeps."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

import sheafnet as sn
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.messages import Key, Message
from sheafnet.dynamics.problem import Problem
from sheafnet.dynamics.watch import Watch
from sheafnet.runtime.reports import Ask
from sheafnet.runtime.simulator.simulation import Simulation

CLOSE = 1e-6
AHEAD = 8
"""Seeds by core that are begun before the ones before them have been reported."""

PATIENCE = 10**6
"""Rounds after which a run counts as hanging."""


@dataclass(frozen=True, eq=False)
class Scenario:
    """A problem and its oracle, in a network of its seed."""

    name: str
    problem: Problem
    simulator: sn.Simulator
    oracle: sn.Cochain


class FailedError(AssertionError):
    """A scenario did not end as it must."""


def play(case: Scenario) -> str:
    """Run one scenario; return what came of it.

    Raises
    ------
    FailedError
        If the run did not converge, reported a convergence that the oracle does not know, did
        not fall silent, or talked to strangers.
    """
    simulation = case.simulator.simulation(case.problem)
    waves = watch_waves(simulation)
    watch_cuts(simulation, case.name)
    with only_newer(case.name):
        record = simulation.run(Watch())
    if record.outcome is not sn.Outcome.CONVERGED:
        raise FailedError(f"{case.name}: {record.message}")
    if not waves[-1].at_rest:
        raise FailedError(f"{case.name}: not at rest when the last wave began")
    apart = max(float(np.abs(record.cochain[v] - case.oracle[v]).max()) for v in case.oracle)
    if not apart <= CLOSE:
        raise FailedError(f"{case.name}: converged {apart:.1e} away from the oracle")
    graph = case.problem.sheaf.graph
    if any(to not in graph.neighbours(sender) for sender, to in record.ledger):
        raise FailedError(f"{case.name}: a message passed between strangers")
    drain(simulation, waves[-1], case.name)
    stats = record.stats
    return (
        f"{case.name:28s} {apart:.1e} from the oracle, virtual time "
        f"{stats.virtual_time:9,.0f}, {stats.updates:9,} updates, {stats.frames:8,} frames, "
        f"worst staleness {stats.max_staleness:5,}"
    )


@contextlib.contextmanager
def only_newer(what: str) -> Iterator[None]:
    """Watch every inbox: what it keeps may only grow newer."""
    accept = Inbox.accept
    newest: dict[Inbox, dict[Key, tuple[int, int]]] = defaultdict(dict)

    def watched(self: Inbox, message: Message, incarnation: int = 0) -> bool:
        kept = accept(self, message, incarnation)
        stamp = (incarnation, message.sequence)
        if kept and stamp <= newest[self].get(message.key, (-1, -1)):
            raise FailedError(f"{what}: {message.key} went back to an older word")
        if kept:
            newest[self][message.key] = stamp
        return kept

    Inbox.accept = watched  # type: ignore[method-assign]
    try:
        yield
    finally:
        Inbox.accept = accept  # type: ignore[method-assign]


class Wave(NamedTuple):
    """When it began, and whether all hosts were at rest then in truth."""

    began: float
    at_rest: bool


def watch_waves(simulation: Simulation) -> list[Wave]:
    """Note how things stand at the beginning of every wave.

    That all were at rest at the beginning of the last one is what two waves prove and one does
    not.
    """
    waves: list[Wave] = []
    ask = simulation.coordinator.ask

    def watched() -> Ask:
        everyone = simulation.hosts.keys() == simulation.lives.keys()
        at_rest = everyone and all(host.idle for host in simulation.hosts.values())
        waves.append(Wave(simulation.kernel.now, at_rest))
        return ask()

    simulation.coordinator.ask = watched  # type: ignore[method-assign]
    return waves


def watch_cuts(simulation: Simulation, what: str) -> None:
    """Have a frame that crosses a cut end the run."""
    send = simulation._trace.send
    hosts = simulation.lives.keys()
    between: dict[tuple[str, str], list[sn.Cut]] = defaultdict(list)
    for cut in simulation.settings.cuts:
        for near, far in itertools.product(cut.hosts, cut.others or hosts - set(cut.hosts)):
            between[near, far].append(cut)
            between[far, near].append(cut)

    def watched(
        now: float, sender: str, receiver: str, size: int, checksum: int, delay: float | None
    ) -> None:
        send(now, sender, receiver, size, checksum, delay)
        for cut in between.get((sender, receiver), ()) if delay is not None else ():
            since = now - cut.start
            since = since % cut.every if cut.every is not None and since > 0.0 else since
            if 0.0 <= since < cut.end - cut.start:
                raise FailedError(f"{what}: a frame of {sender} crossed the cut at {now}")

    simulation._trace.send = watched  # type: ignore[method-assign]


def drain(simulation: Simulation, last: Wave, what: str) -> None:
    """Let everything that is still scheduled happen: nobody may move or say anything new."""
    hosts = simulation.hosts
    before = {name: (host.sent, host.group.stalks()) for name, host in hosts.items()}
    settings = simulation.settings
    last_crash = max((r.at + r.down for r in settings.restarts), default=0.0)
    if last.began < last_crash:
        return  # a host that falls after it has said that it is at rest is another story
    for _ in range(100_000):
        if not simulation.kernel.advance():
            break
    else:
        raise FailedError(f"{what}: not silent after it converged")
    for name, host in hosts.items():
        sent, stalks = before[name]
        moved = any(host.group.stalks()[v] is not stalk for v, stalk in stalks.items())
        if host.sent != sent or moved:
            raise FailedError(f"{what}: {name} went on after convergence was declared")


def attempt(play_seed: Callable[[int], str], seed: int) -> tuple[bool, str]:
    """Play one seed; return whether it ended well, and what came of it."""
    try:
        return True, play_seed(seed)
    except FailedError as failure:
        return False, f"FAILED {failure}"


def sweep(
    play_seed: Callable[[int], str], seeds: Iterable[int], seconds: float = float("inf")
) -> None:
    """Play ``seeds`` in every core, begin none after so many seconds, and exit.

    Exit code 1 if one of them failed.
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
