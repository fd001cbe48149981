"""Speed of two trees of this project, measured in turns.

    python -m tests.bench.compare OLD NEW

runs the same work with the sheafnet in the folder OLD and with that in NEW, seven times each, every
time in a process of its own, and prints the medians and their ratio, NEW to OLD:

- updates a second of the simulator, `heat` by layer and by vertex with batch 1;
- rounds a second in lockstep, `heat` with batch 64;
- steps a second of training in lockstep, `nudged` with Adam.

Where a tree is compiled in place, the compiled modules are measured. The work uses public names
only, and of those the ones that both trees have.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Literal

import numpy as np

REPETITIONS = 7
WIDTHS = (64, 32, 32, 10)
NEVER = 1e-300


def measure() -> dict[str, float]:
    """Return the speeds of the sheafnet that this process imports."""
    import sheafnet as sn

    net = sn.ReluNetwork.random(WIDTHS, seed=0)
    sheaf = net.to_sheaf()
    rng = np.random.default_rng(0)

    def relaxed(runtime: sn.Simulator | sn.Lockstep, batch: int, **budget: float) -> sn.Stats:
        start = sn.Cochain(
            {v: rng.standard_normal((sheaf.stalk_dim(v), batch)) for v in sheaf.vertices}
        )
        stop = sn.Stop(NEVER, **{"max_rounds": 10**9, **budget})  # type: ignore[arg-type]
        pins = [sn.Pin("a0", start["a0"])]
        return sn.infer(sheaf, pins, rule="heat", runtime=runtime, init=start, stop=stop).stats

    speeds = {}
    placements: list[Literal["by-layer", "by-vertex"]] = ["by-layer", "by-vertex"]
    for placement in placements:
        simulator = sn.Simulator(placement=placement)
        stats = relaxed(simulator, 1, max_time=3000.0)
        speeds[f"updates/s, simulator, {placement}"] = stats.updates / stats.wall_time
    stats = relaxed(sn.Lockstep(), 64, max_rounds=6000)
    speeds["rounds/s, lockstep heat"] = stats.rounds / stats.wall_time
    x, labels = rng.standard_normal((64, 640)), rng.integers(0, 10, 640)
    classifier = sn.ReluNetwork.random(WIDTHS, seed=0, output="softmax")
    fit = sn.train(
        classifier, x, labels, optimiser=sn.Adam(1e-3), epochs=150, batch_size=64, every=1500
    )
    speeds["steps/s, training"] = fit.history[-1].step / fit.stats.wall_time
    return speeds


def speeds_of(tree: Path) -> dict[str, float]:
    """Return the speeds of the sheafnet in a folder."""
    done = subprocess.run(
        [sys.executable, __file__, "--measure"],
        env={**os.environ, "PYTHONPATH": str(tree.resolve()), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found.pop("from").startswith(str(tree.resolve())), f"{tree}: not what was measured"
    return dict(found)


def main(old: str, new: str) -> None:
    """Print the medians of both and their ratios."""
    trees = {"old": Path(old), "new": Path(new)}
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in trees}
    for _ in range(REPETITIONS):
        for name, tree in trees.items():
            runs[name].append(speeds_of(tree))
    for title in runs["old"][0]:
        before, after = (statistics.median(run[title] for run in runs[n]) for n in trees)
        print(f"{title}: {before:,.0f} → {after:,.0f}, ratio {after / before:.3f}")


if __name__ == "__main__":
    if sys.argv[1:] == ["--measure"]:
        import sheafnet

        print(json.dumps({**measure(), "from": sheafnet.__file__}))
    elif len(sys.argv) == 3:
        main(*sys.argv[1:])
    else:
        sys.exit(__doc__)
