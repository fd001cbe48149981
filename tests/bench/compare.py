"""Speed of two trees of this project, measured in turns.

    python -m tests.bench.compare OLD NEW

runs the same work with the sheafnet in the folder OLD and with the one in NEW, seven times each.
Each run is a process of its own, which repeats the work and keeps the fastest repetition, since
other programs on the machine can only slow it down. It prints the median of the seven for both, and
the ratio of NEW to OLD, of:

- updates a second of the simulator, `heat` by layer and by vertex with batch 1;
- rounds a second in lockstep, `heat` with batch 1;
- steps a second of training in lockstep, `nudged` with Adam.

If a tree is compiled in place, its compiled modules are measured. The work uses only public names
that both trees have.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

import sheafnet as sn

TURNS = 7
REPETITIONS = 5
WIDTHS = (64, 32, 32, 10)
NEVER = 1e-300


def simulated(placement: str) -> float:
    """Return the vertex updates a second of the simulator, with hosts by ``placement``."""
    simulator = sn.Simulator(placement=placement)  # type: ignore[arg-type]
    stats = relaxed(simulator, sn.Stop(NEVER, 10**9, max_time=800.0))
    return stats.updates / stats.wall_time


def in_lockstep() -> float:
    """Return the rounds a second of lockstep."""
    stats = relaxed(sn.Lockstep(), sn.Stop(NEVER, 1500))
    return stats.rounds / stats.wall_time


def relaxed(runtime: sn.Simulator | sn.Lockstep, stop: sn.Stop) -> sn.Stats:
    """Relax a network with batch 1 until the budget is used up."""
    sheaf = sn.ReluNetwork.random(WIDTHS, seed=0).to_sheaf()
    rng = np.random.default_rng(0)
    start = sn.Cochain({v: rng.standard_normal((sheaf.stalk_dim(v), 1)) for v in sheaf.vertices})
    pins = [sn.Pin("a0", start["a0"])]
    return sn.infer(sheaf, pins, rule="heat", runtime=runtime, init=start, stop=stop).stats


def trained() -> float:
    """Return the steps a second of training in lockstep."""
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((64, 640)), rng.integers(0, 10, 640)
    net = sn.ReluNetwork.random(WIDTHS, seed=0, output="softmax")
    fit = sn.train(net, x, labels, optimiser=sn.Adam(1e-3), epochs=40, batch_size=64, every=400)
    return fit.history[-1].step / fit.stats.wall_time


WORK: dict[str, Callable[[], float]] = {
    "updates/s, simulator by layer": lambda: simulated("by-layer"),
    "updates/s, simulator by vertex": lambda: simulated("by-vertex"),
    "rounds/s, lockstep heat": in_lockstep,
    "steps/s, training": trained,
}


def speeds_of(tree: Path) -> dict[str, float]:
    """Return the speeds of the sheafnet in the folder ``tree``, by kind of work."""
    done = subprocess.run(
        [sys.executable, __file__, "--measure"],
        env={**os.environ, "PYTHONPATH": str(tree.resolve()), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main(old: str, new: str) -> None:
    """Print the medians of both trees and their ratios."""
    trees = {"old": Path(old), "new": Path(new)}
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in trees}
    for _ in range(TURNS):
        for name, tree in trees.items():
            runs[name].append(speeds_of(tree))
    for title in WORK:
        before, after = (statistics.median(run[title] for run in runs[n]) for n in trees)
        print(f"{title}: {before:,.0f} → {after:,.0f}, ratio {after / before:.3f}", flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--measure"]:
            tree = os.environ["PYTHONPATH"]
            assert str(sn.__file__).startswith(tree), f"{sn.__file__} is not in {tree}"
            best = {title: max(work() for _ in range(REPETITIONS)) for title, work in WORK.items()}
            print(json.dumps(best))
        case [old, new]:
            main(old, new)
        case _:
            sys.exit(__doc__)
