"""The hostile network that the suite and the sweep share, one scenario a seed.

    python -m tests.asynchrony 0 200

runs the scenarios of seeds 0 to 199 in as many processes as there are cores and prints what
came of them; exit code 1 if one of them failed. One seed alone is repeated by giving it and the
next.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np

import sheafnet as sn
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.messages import Key, Message
from sheafnet.dynamics.watch import Watch
from sheafnet.runtime.placement import place
from sheafnet.runtime.simulator.simulation import Simulation
from tests import golden
from tests.dynamics.test_lockstep import grid

LOSS = 0.4
LONGEST_DELAY = 20.0
LATEST_REPORT = 600.0
LATEST_RESTART = 30_000.0
STRAGGLER = 20.0
CLOSE = 1e-6
PATIENCE = 10**6
"""Rounds after which a run counts as hanging."""


@dataclass(frozen=True, eq=False)
class Scenario:
    """A problem and its oracle, in a network of its seed."""

    name: str
    run: sn.Run
    simulator: sn.Simulator
    oracle: sn.Cochain


def scenario(seed: int) -> Scenario:
    """40 % loss, delays to 20 update times, a slow host, a restart, a coordinator far away."""
    name = ("2-4-1-identity", "grid", "2-6-4-4-1-identity")[seed % 3]
    rng = np.random.default_rng(seed)
    if name == "grid":
        sheaf = grid(5)
        corners = [f"v{i}_{j}" for i in (0, 4) for j in (0, 4)]
        pins = [sn.Pin(v, rng.standard_normal((2, 1))) for v in corners]
        oracle = sn.harmonic_extension(sheaf, pins)
    else:
        reference = golden.load(name)
        sheaf, pins, oracle = reference.sheaf, reference.pins, reference.cochain("")
    hosts = list(place(sheaf, "by-layer"))
    slow, restarted = (str(host) for host in rng.choice(hosts, 2))
    at, down = rng.uniform(0.0, LATEST_RESTART), rng.uniform(0.0, 50.0)
    simulator = sn.Simulator(
        seed=seed,
        latency=sn.Uniform(0.0, LONGEST_DELAY),
        report_latency=sn.Uniform(0.0, LATEST_REPORT),
        loss=LOSS,
        slow={slow: STRAGGLER},
        restarts=(sn.Restart(restarted, float(at), float(down)),),
    )
    run = sn.prepare(
        sheaf,
        pins,
        runtime=simulator,
        seed=seed,
        stop=sn.Stop(max_rounds=PATIENCE, max_time=100.0 * PATIENCE),
    )
    return Scenario(name, run, simulator, oracle)


class FailedError(AssertionError):
    """A scenario did not end as it must."""


def play(seed: int) -> str:
    """Run one scenario; return what came of it.

    Raises
    ------
    FailedError
        If the run did not converge, reported a convergence that the oracle does not know, did
        not fall silent, or talked to strangers.
    """
    case = scenario(seed)
    simulation = case.simulator.simulation(case.run.problem)
    truths = watch_waves(simulation)
    with only_newer(f"seed {seed}, {case.name}"):
        record = simulation.run(Watch())
    if record.outcome is not sn.Outcome.CONVERGED:
        raise FailedError(f"seed {seed}, {case.name}: {record.message}")
    if not truths[-1]:
        raise FailedError(f"seed {seed}, {case.name}: not at rest when the last wave began")
    apart = max(float(np.abs(record.cochain[v] - case.oracle[v]).max()) for v in case.oracle)
    if not apart <= CLOSE:
        raise FailedError(f"seed {seed}, {case.name}: converged {apart:.1e} away from the oracle")
    graph = case.run.problem.sheaf.graph
    if any(to not in graph.neighbours(sender) for sender, to in record.ledger):
        raise FailedError(f"seed {seed}, {case.name}: a message passed between strangers")
    drain(simulation, f"seed {seed}, {case.name}")
    stats = record.stats
    return (
        f"{seed:6d} {case.name:20s} {apart:.1e} from the oracle, virtual time "
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


def watch_waves(simulation: Simulation) -> list[bool]:
    """Note, at the beginning of every wave, whether all hosts are at rest in truth.

    That they were at the beginning of the last one is what two waves prove and one does not.
    """
    truths: list[bool] = []
    begin = simulation._wave

    def watched() -> None:
        reports = [host.report(0) for host in simulation.hosts.values()]
        everyone = simulation.hosts.keys() == simulation.lives.keys()
        truths.append(everyone and all(report.idle for report in reports))
        begin()

    simulation._wave = watched  # type: ignore[method-assign]
    return truths


def drain(simulation: Simulation, what: str) -> None:
    """Let everything that is still scheduled happen: nobody may move or say anything new."""
    hosts = simulation.hosts
    before = {name: (host.sent, host.group.stalks()) for name, host in hosts.items()}
    settings = simulation.settings
    last_crash = max((r.at + r.down for r in settings.restarts), default=0.0)
    if simulation.kernel.now < last_crash:
        return  # a host that falls after the end is another story
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


def report(seed: int) -> tuple[bool, str]:
    """Run one scenario; return whether it ended well, and what came of it."""
    try:
        return True, play(seed)
    except FailedError as failure:
        return False, f"FAILED {failure}"


def main() -> None:
    """Run the seeds named on the command line."""
    first, last = int(sys.argv[1]), int(sys.argv[2])
    began, failed = time.perf_counter(), 0
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for well, line in pool.map(report, range(first, last)):
            failed += not well
            print(line, flush=True)
    seconds = time.perf_counter() - began
    print(f"{last - first - failed} passed, {failed} failed in {seconds:.0f} s")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
