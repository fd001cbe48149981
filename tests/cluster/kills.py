"""Kill a layer's process while a run goes on, and see that the answer is the same.

    python -m tests.cluster.kills 10

Prints, for each kill, when it came, how long the recovery took and how far the answer is from
the forward pass.
"""

from __future__ import annotations

import os
import random
import signal
import statistics
import sys
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

import sheafnet as sn
from sheafnet.dynamics.record import Recovery
from tests import golden


@dataclass(frozen=True)
class Kill:
    """What came of one."""

    host: str
    at_round: int
    outcome: sn.Outcome
    recoveries: tuple[Recovery, ...]
    restarts: int
    deviation: float


class Onlooker(sn.Observer):
    """Tells when a run has come to a given round, and when it has converged after a restart."""

    def __init__(self, at_round: int) -> None:
        self.at_round = at_round
        self.reached = threading.Event()
        self.recovered = threading.Event()
        self.restarts = 0

    def progressed(self, progress: sn.Progress) -> None:
        self.restarts = sum(progress.restarts.values())
        if progress.rounds >= self.at_round:
            self.reached.set()
        if self.restarts and progress.converged:
            self.recovered.set()


def kill_one(seed: int) -> Kill:
    """Run 64-32-32-10 from noise on a cluster, and kill a random host at a random moment.

    The run stays, so that a kill that comes after it has converged is seen as well.
    """
    rng = random.Random(seed)
    reference = golden.load("64-32-32-10-softmax")
    onlooker = Onlooker(at_round=rng.randrange(50, 500))
    run = sn.start(
        reference.sheaf,
        reference.pins,
        runtime=sn.Cluster(),
        observer=onlooker,
        stop=sn.Stop(1e-8, max_rounds=10**6, stay=True),
        seed=seed,
    )
    assert onlooker.reached.wait(60)
    host = rng.choice([f"layer_{n}" for n in range(4)])
    os.kill(pid_of(host), signal.SIGKILL)
    assert onlooker.recovered.wait(120)
    run.stop()
    solution = run.result(120)
    forward = reference.cochain("")
    return Kill(
        host=host,
        at_round=onlooker.at_round,
        outcome=solution.outcome,
        recoveries=solution.recoveries,
        restarts=onlooker.restarts,
        deviation=max(float(np.abs(solution.cochain[v] - forward[v]).max()) for v in forward),
    )


def pid_of(host: str) -> int:
    """Return the process of a host of the only run of this machine."""
    import ray

    for actor in ray.util.list_named_actors(all_namespaces=True):
        if actor["name"].endswith(f"/{host}"):
            handle: Any = ray.get_actor(actor["name"], namespace=actor["namespace"])
            pid: int = ray.get(handle.pid.remote())
            return pid
    raise AssertionError(f"no host {host!r}")


def main(times: int) -> None:
    """Kill so many times and print what came of it."""
    seconds = []
    for seed in range(times):
        kill = kill_one(seed)
        seconds += [recovery.seconds for recovery in kill.recoveries]
        print(
            f"{kill.host} killed at round {kill.at_round}: {kill.outcome.name}, back in "
            f"{', '.join(f'{r.seconds:.2f} s' for r in kill.recoveries)}, restarts counted "
            f"{kill.restarts}, deviation {kill.deviation:.1e}",
            flush=True,
        )
    print(f"median recovery {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s")


if __name__ == "__main__":
    from sheafnet.runtime.cluster import environment

    environment.keep_quiet()
    from sheafnet.runtime.cluster.session import session

    with session("local"):
        main(int(sys.argv[1]))
