"""Runs on a cluster in which the process of a host is killed, and their deviation from the result.

    python -m tests.campaigns.kills 10 [training]

For each kill it prints the round of the kill, the seconds of the recovery and the deviation from
the forward pass. In training it prints the deviation of the weights from those of lockstep, and the
seconds of the run beside those of an undisturbed run of the same length.
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
from sheafnet.runtime.interface import Runtime
from sheafnet.runtime.run_record import Recovery
from tests.support import golden


@dataclass(frozen=True)
class Kill:
    """The result of a run in which a host was killed."""

    host: str
    at_round: int
    outcome: sn.Outcome
    recoveries: tuple[Recovery, ...]
    restarts: int
    deviation: float


class Onlooker(sn.Observer):
    """An observer that sets events at a given round and at convergence after a restart."""

    def __init__(self, at_round: int) -> None:
        self.at_round = at_round
        self.come = threading.Event()
        self.recovered = threading.Event()
        self.restarts = 0

    def progressed(self, progress: sn.Progress) -> None:
        self.restarts = sum(progress.restarts.values())
        if progress.rounds >= self.at_round:
            self.come.set()
        if self.restarts and progress.converged:
            self.recovered.set()


def kill_one(seed: int, runtime: Runtime | None = None) -> Kill:
    """Run 64-32-32-10 from noise on a cluster, and kill a random host at a random moment.

    It is a stay run, so that a kill after convergence is recovered as well.
    """
    rng = random.Random(seed)
    reference = golden.load("64-32-32-10-softmax")
    onlooker = Onlooker(at_round=rng.randrange(50, 500))
    run = sn.start(
        reference.sheaf,
        reference.pins,
        runtime=runtime or sn.Cluster(),
        observer=onlooker,
        stop=sn.Stop(1e-8, max_rounds=10**6, stay=True),
        seed=seed,
    )
    assert onlooker.come.wait(60)
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


@dataclass(frozen=True)
class KillInTraining:
    """The result of a training in which a host was killed."""

    host: str
    at_round: int
    recoveries: tuple[Recovery, ...]
    deviation: float
    seconds: float


def train(
    rounds: int, runtime: Runtime | None = None, observer: sn.Observer | None = None
) -> sn.Training:
    """Return a training on four classes in the plane, before its start."""
    task = golden.load_task("blobs")
    return sn.prepare_training(
        task.network, *task.train, optimiser=sn.Adam(0.05), rounds=rounds, batch_size=64,
        every=20, runtime=runtime, observer=observer,
    )  # fmt: skip


def kill_in_training(
    seed: int, runtime: Runtime | None = None, rounds: int = 600
) -> KillInTraining:
    """Train on a cluster, and kill a random host at a random moment."""
    rng = random.Random(seed)
    onlooker = Onlooker(at_round=rng.randrange(20, rounds // 2))
    job = train(rounds, runtime or sn.Cluster(), onlooker).start()
    assert onlooker.come.wait(120)
    host = rng.choice([f"layer_{n}" for n in range(3)])
    os.kill(pid_of(host), signal.SIGKILL)
    fit, expected = job.result(180), train(rounds).execute()
    parts = zip(fit.network.layers, expected.network.layers, strict=True)
    return KillInTraining(
        host=host,
        at_round=onlooker.at_round,
        recoveries=fit.record.recoveries,
        deviation=max(float(np.abs(a.matrix - b.matrix).max()) for a, b in parts),
        seconds=fit.history[-1].time,
    )


def pid_of(host: str) -> int:
    """Return the process id of a host; there must be one run only on this machine."""
    import ray

    for actor in ray.util.list_named_actors(all_namespaces=True):
        handle: Any = ray.get_actor(actor["name"], namespace=actor["namespace"])
        whereabouts = ray.get(handle.whereabouts.remote())
        if whereabouts is not None and whereabouts[0] == host:
            pid: int = whereabouts[1]
            return pid
    raise AssertionError(f"no host {host!r}")


def main_training(times: int, rounds: int = 600) -> None:
    """Kill ``times`` times in training and print the results."""
    undisturbed = train(rounds, sn.Cluster()).execute().history[-1].time
    lost = []
    for seed in range(times):
        killed = kill_in_training(seed, rounds=rounds)
        lost.append(killed.seconds - undisturbed)
        print(
            f"{killed.host} killed at round {killed.at_round}: back in "
            f"{', '.join(f'{r.seconds:.2f} s' for r in killed.recoveries)}, deviation "
            f"{killed.deviation:.1e}, {killed.seconds:.2f} s instead of {undisturbed:.2f} s",
            flush=True,
        )
    print(f"time lost: median {statistics.median(lost):.2f} s, worst {max(lost):.2f} s")


def main(times: int) -> None:
    """Kill ``times`` times in inference and print the results."""
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

    environment.stay_offline()
    from sheafnet.runtime.cluster.session import session

    with session("local"):
        (main_training if "training" in sys.argv else main)(int(sys.argv[1]))
