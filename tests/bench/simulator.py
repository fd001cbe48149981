"""Speed and size of the simulator.

    python -m tests.bench.simulator

For the full speed of the simulator, compile the package first, as tests/bench/README.md says. The
benchmark prints:

1. Vertex updates and heap events a second on 64-32-32-10 with batch 1, on one core.
2. The same with batch 256, beside a bare NumPy loop with the arithmetic of as many updates.
3. The cost of a path of 1,000 layers and of a 100 × 100 grid for 100 rounds, and the memory of
   grids by size.
"""

from __future__ import annotations

import statistics
import time
import tracemalloc

import numpy as np

import sheafnet as sn
from sheafnet.runtime.interface import RunHooks
from tests.bench.lockstep_heat import bare_loop
from tests.support.compiled import COMPILED
from tests.support.sheaves import grid

WIDTHS = (64, 32, 32, 10)
REPETITIONS = 5
NEVER = 1e-300


def simulate(
    sheaf: sn.Sheaf, start: sn.Cochain, pinned: str, simulator: sn.Simulator, stop: sn.Stop
) -> tuple[sn.Stats, int, float]:
    """Run until the budget is used up; return the stats, the heap events and the seconds."""
    run = sn.prepare(sheaf, [sn.Pin(pinned, start[pinned])], rule="heat", init=start, stop=stop)
    simulation = simulator.simulation(run.problem)
    began = time.perf_counter()
    record = simulation.run(RunHooks())
    return record.stats, simulation.kernel.events, time.perf_counter() - began


def noise(sheaf: sn.Sheaf, batch: int) -> sn.Cochain:
    rng = np.random.default_rng(0)
    return sn.Cochain({v: rng.standard_normal((sheaf.stalk_dim(v), batch)) for v in sheaf.vertices})


def throughput() -> None:
    """Print updates and events a second with batch 1."""
    sheaf = sn.ReluNetwork.random(WIDTHS, seed=0).to_sheaf()
    start = noise(sheaf, 1)
    stop = sn.Stop(NEVER, 10**9, max_time=3000.0)
    lossy = {"latency": sn.Exponential(1.0), "loss": 0.1}
    for placement in ("by-layer", "by-vertex"):
        for what, settings in (("default", {}), ("exponential latency, 10 % loss", lossy)):
            simulator = sn.Simulator(placement=placement, **settings)  # type: ignore[arg-type]
            rates = []
            for _ in range(REPETITIONS):
                stats, events, seconds = simulate(sheaf, start, "a0", simulator, stop)
                rates.append((stats.updates / seconds, events / seconds))
            updates, events = (statistics.median(column) for column in zip(*rates, strict=True))
            least, most = min(rates)[1], max(rates)[1]
            print(
                f"batch 1, {placement}, {what}: {updates:,.0f} updates/s, {events:,.0f} events/s "
                f"({least:,.0f} to {most:,.0f})"
            )


def beside_numpy() -> None:
    """Print the speed with batch 256 as a share of the speed of bare arithmetic."""
    net = sn.ReluNetwork.random(WIDTHS, seed=0)
    sheaf, rounds = net.to_sheaf(), 400
    start = noise(sheaf, 256)
    free = len(sheaf.vertices) - 1
    stop = sn.Stop(NEVER, 10**9, max_time=1000.0)
    bare_loop(net, start, rounds)
    for what, simulator in (
        ("default", sn.Simulator()),
        ("latency 4, window 1", sn.Simulator(latency=sn.Constant(4.0), window=1)),
    ):
        ratios = []
        for _ in range(REPETITIONS):
            stats, _, ours = simulate(sheaf, start, "a0", simulator, stop)
            began = time.perf_counter()
            bare_loop(net, start, rounds)
            theirs = time.perf_counter() - began
            ratios.append((stats.updates / ours) / (free * rounds / theirs))
        print(
            f"batch 256, {what}: {statistics.median(ratios):.2f} of the updates a second of bare "
            f"NumPy, {stats.frames / stats.updates:.2f} frames an update"
        )


def large() -> None:
    """Print the time and memory of large sheaves."""
    stop = sn.Stop(NEVER, max_rounds=100)
    deep = sn.ReluNetwork.random([4] * 1001, seed=0).to_sheaf()
    stats, _, seconds = simulate(deep, noise(deep, 1), "a0", sn.Simulator(), stop)
    print(
        f"path of 1,000 layers: {stats.rounds} rounds, {stats.updates:,} updates, {seconds:.1f} s"
    )
    for side in (25, 50, 100):
        sheaf = grid(side)
        start = noise(sheaf, 1)
        tracemalloc.start()
        pins = [sn.Pin("v0_0", start["v0_0"])]
        run = sn.prepare(sheaf, pins, rule="heat", init=start, stop=stop)
        simulation = sn.Simulator(placement="by-vertex").simulation(run.problem)
        built, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        began = time.perf_counter()
        record = simulation.run(RunHooks())
        seconds = time.perf_counter() - began
        vertices = side * side
        print(
            f"grid {side} × {side}: {record.stats.rounds} rounds, "
            f"{record.stats.updates:,} updates, {seconds:.1f} s; "
            f"{built / vertices / 1024:.1f} KiB a vertex"
        )


if __name__ == "__main__":
    print("compiled" if COMPILED else "not compiled")
    throughput()
    beside_numpy()
    large()
