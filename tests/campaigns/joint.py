"""The rounds in which ``Joint`` reaches the authors' loss, with their steps and with others.

    python -m tests.campaigns.joint [curve|adam|momentum|free|all]

trains by ``Joint`` on the four tasks of Bosca & Ghrist 2026, from the authors' start and from four
He starts, until the training loss is at most that of the authors' program after its 100,000 steps.

*curve*: 20,000 of the authors' own steps. It prints the largest relative difference from their
losses, compared every 1,000 steps; at most 1e-6. The loss before the first step is left out,
because the authors clip probabilities there.

*adam*: stalks by exact steps, maps by local Adam, with one setting for all tasks; at most 3,000
lockstep rounds.

*momentum*: maps by momentum alone; at most 10,000 rounds.

*free*: as *adam*, but in the simulator, where the vertices run asynchronously, an update takes 2
units of virtual time (ticks) in the mean and a message up to 8, with one setting for each task; at
most 10,000 ticks. It also prints the median of the ticks as a multiple of the rounds of *adam*.

The exit code is 1 if a start takes longer, or a loss differs by more.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence

import numpy as np

import sheafnet as sn
from tests.support import golden

HE_STARTS = 4
KEEP = sn.Joint(stalks=sn.Prox("keep"))
LOCAL_ADAM = sn.Adam(0.01, beta2=0.999)
MOMENTUM = {
    "blobs": (sn.Joint(stalks=sn.Heat()), sn.Sgd(0.006, momentum=0.9)),
    "circular": (sn.Joint(stalks=sn.Heat()), sn.Sgd(0.006, momentum=0.9)),
    "paraboloid": (KEEP, sn.Sgd(0.05, momentum=0.9)),
    "saddle": (sn.Joint(stalks=sn.Heat()), sn.Sgd(0.07, momentum=0.5)),
}
FREE: dict[str, sn.Optimiser] = {
    "blobs": sn.Adam(0.005, beta2=0.999),
    "circular": sn.Adam(0.005, beta2=0.999),
    "paraboloid": sn.Adam(0.1, schedule="cosine", beta1=0.5, beta2=0.999),
    "saddle": sn.Adam(0.1, schedule="cosine", beta1=0.5, beta2=0.999),
}
TICKS = 10_000.0
LONG = 5000
CURVES_APART = 1e-6


def starts(task: golden.Task) -> list[sn.ReluNetwork]:
    """Return the network at the authors' start and at He starts."""
    net = task.network
    return [net, *(sn.ReluNetwork.random(net.widths, s, net.output) for s in range(HE_STARTS))]


def first(history: Sequence[sn.Evaluation], task: golden.Task) -> float | None:
    """Return the time at which the target loss was reached: rounds in lockstep, else ticks."""
    target = float(task.arrays["sheaf_train_loss"][-1])
    return next((it.time for it in history if it.train_loss <= target), None)


def in_step(
    task: golden.Task, net: sn.ReluNetwork, rule: sn.Rule, optimiser: sn.Optimiser, rounds: int
) -> float | None:
    """Return the lockstep rounds until the target loss; None if it is not reached."""
    fit = sn.train(net, *task.train, rule=rule, optimiser=optimiser, rounds=rounds, every=20)
    return first(fit.history, task)


def freely(name: str, task: golden.Task, net: sn.ReluNetwork, seed: int) -> float | None:
    """Return the ticks until the target loss in the simulator; None if it is not reached."""
    simulator = sn.Simulator(
        seed=seed,
        latency=sn.Uniform(0.0, 8.0),
        compute=sn.ComputeTime(time=sn.Exponential(2.0)),
        window=8,
        placement="by-vertex",
        report_interval=50.0,
    )
    fit = sn.train(
        net,
        *task.train,
        rule=KEEP,
        optimiser=FREE[name],
        rounds=LONG,
        max_time=TICKS,
        every=20,
        runtime=simulator,
    )
    return first(fit.history, task)


def follows(name: str) -> bool:
    """Print the distance of our losses from the authors', and return whether it is allowed."""
    task = golden.load_task(name)
    rounds = 20_000
    fit = sn.train(
        task.network,
        *task.train,
        rule=task.rule,
        rounds=rounds,
        init=task.start,
        test=task.test,
        every=1000,
    )
    apart = 0.0
    for split in ("train", "test"):
        theirs = task.arrays[f"sheaf_{split}_loss"][1 : rounds // 1000 + 1]
        ours = np.array([getattr(it, f"{split}_loss") for it in fit.history[1:]])
        apart = max(apart, float(np.abs(ours / theirs - 1.0).max()))
    print(f"curve     {name:10}  {apart:.1e} from the authors' losses", flush=True)
    return apart <= CURVES_APART


def described(found: Sequence[float | None]) -> str:
    """Return a text with the times of all starts, their median and the longest."""
    numbers = [float("inf") if each is None else each for each in found]
    listed = ", ".join("never" if each is None else f"{each:,.0f}" for each in found)
    return f"{listed}; median {np.median(numbers):,.0f}, worst {max(numbers):,.0f}"


def run(what: str, name: str) -> bool:
    """Print the times of one way on one task, and return whether every start was in time."""
    task = golden.load_task(name)
    ways: dict[str, Callable[[sn.ReluNetwork, int], float | None]] = {
        "adam": lambda net, _: in_step(task, net, KEEP, LOCAL_ADAM, 3000),
        "momentum": lambda net, _: in_step(task, net, *MOMENTUM[name], 10_000),
        "free": lambda net, seed: freely(name, task, net, seed),
    }
    found = [ways[what](net, seed) for seed, net in enumerate(starts(task))]
    line = f"{what:8}  {name:10}  {described(found)}"
    if what == "free":
        beside = [in_step(task, net, KEEP, LOCAL_ADAM, 3000) or math.inf for net in starts(task)]
        ticks = np.median([each or math.inf for each in found])
        line += f"; {ticks / np.median(beside):.1f} times the rounds of lockstep"
    print(line, flush=True)
    return None not in found


def main(asked: str) -> None:
    """Run the ways that the command line names."""
    whats = ("curve", "adam", "momentum", "free") if asked == "all" else (asked,)
    well = [
        follows(name) if what == "curve" else run(what, name)
        for what in whats
        for name in golden.TASKS
    ]
    sys.exit(not all(well))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "all")
