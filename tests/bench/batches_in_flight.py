"""The gain, the cost and the memory of several batches in flight.

    python -m tests.bench.batches_in_flight [simulator|cluster|memory] …

Both of the first two train 64-32-32-32-32-32-32-32-10, eight affine layers, on the digits, with
F = 1, 2, 4 and 8 batches of 64 samples in flight. They print the speed, and beside it the loss on
the training split and the accuracy on the test split after the same number of steps.

*simulator*: batches per unit of virtual time, with a host for each layer and a latency of one
update time.

*cluster*: batches per second on Ray, with four hosts of two layers each; values of F take turns.

*memory*: the size of the arrays that each host of the simulator holds in the course of 5,000
batches, relative to F batches of its own stalks. Arrays that do not depend on batches are left
out: maps, the state of optimisers, and the data at both ends.
"""

from __future__ import annotations

import gc
import statistics
import sys
from collections.abc import Iterable, Iterator
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

import sheafnet as sn
from sheafnet.core.arrays import Array
from sheafnet.core.maps import RestrictionMap
from sheafnet.runtime.hosts.host import Host
from sheafnet.runtime.jobs.checkpoint import Checkpoint
from tests.support.digits import digits

WIDTHS = [64, *[32] * 7, 10]
IN_FLIGHT = (1, 2, 4, 8)
EPOCHS = 10
REPETITIONS = 5
BATCH = 64
STEPS = 5000
EVALUATIONS = 100

LAYERS = len(WIDTHS) - 1
FOUR = {
    "first": ["a0", "z1", "a1", "z2", "a2"],
    "second": ["z3", "a3", "z4", "a4"],
    "third": ["z5", "a5", "z6", "a6"],
    "fourth": ["z7", "a7", "z8", "a8"],
}


OPTIMISERS = {
    "kron": sn.Kron(0.03, "cosine", warmup=30, damping=3e-4, momentum=0.0),
    "adam": sn.Adam(0.003, "cosine", warmup=30, beta1=0.5),
}
"""For each optimiser the best of three rates at F = 1, with little or no momentum, since momentum
delays gradients further."""


def fit(
    batches_in_flight: int,
    runtime: Any = None,
    *,
    optimiser: str = "kron",
    epochs: float = EPOCHS,
    every: int | None = None,
    observer: sn.Observer | None = None,
) -> sn.Fit:
    """Train the deep network on the digits and return the result."""
    data = digits()
    net = sn.ReluNetwork.random(WIDTHS, 0, "softmax")
    return sn.train(
        net, data.x, data.labels, optimiser=OPTIMISERS[optimiser], epochs=epochs, batch_size=BATCH,
        batches_in_flight=batches_in_flight, every=every, test=(data.xt, data.labels_t),
        runtime=runtime,
        observer=observer,
    )  # fmt: skip


def simulated() -> None:
    """Print batches per unit of virtual time, with the loss and the accuracy after training."""
    print("| F | batches per 100 update times | times F = 1 | kron | adam |")
    print("|---|---|---|---|---|")
    alone = 0.0
    for batches_in_flight in IN_FLIGHT:
        found = fit(batches_in_flight, sn.Simulator(latency=sn.Constant(1.0)))
        other = fit(batches_in_flight, optimiser="adam")  # every runtime takes the same steps
        rate = 100.0 * found.history[-1].step / found.stats.virtual_time
        alone = alone or rate
        row = (f"{rate:.2f}", f"{rate / alone:.2f}", _end(found), _end(other))
        print(f"| {batches_in_flight} | " + " | ".join(row) + " |", flush=True)


def on_ray() -> None:
    """Print batches per second, with the loss and the accuracy after training."""
    from sheafnet.runtime.cluster import environment

    environment.stay_offline()
    from sheafnet.runtime.cluster.session import session

    rates: dict[int, list[float]] = {batches_in_flight: [] for batches_in_flight in IN_FLIGHT}
    ends = {}
    with session("local"):
        for _ in range(REPETITIONS):
            for batches_in_flight in IN_FLIGHT:
                found = fit(batches_in_flight, sn.Cluster(placement=FOUR))
                first, last = found.history[1], found.history[-1]
                rates[batches_in_flight].append((last.step - first.step) / (last.time - first.time))
                ends[batches_in_flight] = _end(found)
    print("| F | batches per second: median, least and most | times F = 1 | kron |")
    print("|---|---|---|---|")
    alone = statistics.median(rates[1])
    for batches_in_flight, seen in rates.items():
        rate = statistics.median(seen)
        spread = f"{rate:.1f}, {min(seen):.1f} to {max(seen):.1f}"
        print(
            f"| {batches_in_flight} | {spread} | {rate / alone:.2f} | {ends[batches_in_flight]} |"
        )


def _end(found: sn.Fit) -> str:
    last = found.history[-1]
    assert last.test is not None
    assert last.test.accuracy is not None
    return f"{last.train.loss:.4f}, {last.test.accuracy:.1%}"


class Scales(sn.Observer):
    """An observer that measures the memory of the hosts of a simulated run at every checkpoint."""

    def __init__(self) -> None:
        self.weights: list[dict[str, int]] = []

    def reached(self, checkpoint: Checkpoint) -> None:  # noqa: ARG002
        hosts = [it for it in gc.get_objects() if isinstance(it, Host)]
        self.weights.append({host.name: batch_bytes(host) for host in hosts})

    def of(self, host: str) -> list[int]:
        """Return the measured sizes of one host, in bytes."""
        return [weights[host] for weights in self.weights]


def batch_bytes(host: Host) -> int:
    """Return the bytes of all arrays of a host that belong to batches."""
    arrays = {id(array): array for array in held(host) if array.shape[-1:] == (BATCH,)}
    return sum(array.nbytes for array in arrays.values())


def held(root: object) -> Iterator[Array]:
    """Yield every array that can be reached from ``root``, maps and code aside."""
    seen: set[int] = set()
    todo: list[object] = [root]
    while todo:
        it = todo.pop()
        if id(it) in seen or isinstance(it, type | ModuleType | FunctionType | RestrictionMap):
            continue
        seen.add(id(it))
        if isinstance(it, np.ndarray):
            yield it
            todo.append(it.base)
        else:
            todo += gc.get_referents(it)


def memory() -> None:
    """Print the memory of the host that holds most, in units of F batches of its stalks."""
    print("| F | host | F batches of its stalks | held: first tenth, last tenth, most | ratio |")
    print("|---|---|---|---|---|")
    per_epoch = len(digits().labels) / BATCH
    simulator = sn.Simulator(latency=sn.Exponential(1.0), loss=0.1, duplication=0.1)
    for batches_in_flight in IN_FLIGHT:
        scales = Scales()
        fit(
            batches_in_flight,
            simulator,
            epochs=STEPS / per_epoch,
            every=STEPS // EVALUATIONS,
            observer=scales,
        )
        worst = max(scales.weights[0], key=lambda host: max(scales.of(host)) / stalks(host))
        found, own = scales.of(worst), batches_in_flight * stalks(worst)
        tenth = len(found) // 10
        first, last = statistics.mean(found[:tenth]), statistics.mean(found[-tenth:])
        held_there = f"{first:,.0f}, {last:,.0f}, {max(found):,}"
        ratio = f"{max(found) / own:.2f}"
        print(f"| {batches_in_flight} | {worst} | {own:,} | {held_there} | {ratio} |", flush=True)


def stalks(host: str) -> int:
    """Return the bytes of the stalks of one batch on a host of one layer."""
    layer = int(host.removeprefix("layer_"))
    return (1 if layer == 0 else 2) * WIDTHS[layer] * BATCH * 8


def main(parts: Iterable[str]) -> None:
    """Print the tables that are asked for."""
    tables = {"simulator": simulated, "cluster": on_ray, "memory": memory}
    for part in parts or tables:
        tables[part]()


if __name__ == "__main__":
    main(sys.argv[1:])
