"""Relaxations with one or both ends pinned, on a network with delays, loss and a slow host.

    python -m tests.campaigns.pinned_asynchrony 0 20

runs `prox` for each seed on two networks, with the input pinned and with both ends pinned, and
prints the results; the exit code is 1 if a run did not end as it must.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np

import sheafnet as sn
from tests.support import golden

NETWORKS = ("2-6-4-4-1-identity", "64-32-32-10-softmax")
LONGEST_DELAY = 32.0
LOSS = 0.3
STRAGGLER = 20.0
CLOSE = 1e-6
SETTLED = 1e-7


@dataclass(frozen=True)
class Case:
    """One run: a network, its pins and a seed."""

    name: str
    seed: int
    both: bool

    def play(self) -> tuple[bool, str]:
        """Run the case; return whether it ended as it must, and a line with the result."""
        reference = golden.load(self.name)
        sheaf, output = reference.sheaf, reference.network.output_vertex
        rng = np.random.default_rng(self.seed)
        pins = [*reference.pins, *([sn.Pin(output, self._labels(reference, rng))] * self.both)]
        slow = str(rng.choice([v for v in sheaf.vertices if v != "a0"]))
        simulator = sn.Simulator(
            seed=self.seed,
            latency=sn.Uniform(0.0, LONGEST_DELAY),
            loss=LOSS,
            slow={slow: STRAGGLER},
            placement="by-vertex",
        )
        stop = sn.Stop(SETTLED if self.both else 1e-9, max_rounds=10**6)
        began = time.perf_counter()
        solution = sn.infer(sheaf, pins, rule="prox", runtime=simulator, stop=stop, seed=self.seed)
        forward = reference.cochain("")
        apart = max(float(np.abs(solution.cochain[v] - forward[v]).max()) for v in forward)
        well = solution.outcome is sn.Outcome.CONVERGED and (
            solution.stationarity <= SETTLED if self.both else apart <= CLOSE
        )
        return well, (
            f"{'ok' if well else 'FAILED'} seed {self.seed}, {self.name}, "
            f"{'both ends' if self.both else 'input'} pinned, {slow} slow: "
            f"{solution.outcome.name}, stationarity {solution.stationarity:.1e}, "
            + ("" if self.both else f"{apart:.1e} from the oracle, ")
            + f"{solution.stats.updates:,} updates, {solution.stats.messages:,} messages, "
            f"{time.perf_counter() - began:.1f} s"
        )

    @staticmethod
    def _labels(reference: golden.Golden, rng: np.random.Generator) -> np.ndarray:
        forward = reference.cochain("")[reference.network.output_vertex]
        if reference.network.output == "softmax":
            classes, batch = forward.shape
            return np.asarray(np.eye(classes)[:, rng.integers(0, classes, batch)])
        return np.asarray(forward + 0.5 * rng.standard_normal(forward.shape))


def cases(first: int, last: int) -> list[Case]:
    return [
        Case(name, seed, both)
        for seed in range(first, last)
        for name in NETWORKS
        for both in (False, True)
    ]


def play(case: Case) -> tuple[bool, str]:
    return case.play()


def main() -> None:
    """Run the seeds named on the command line."""
    failed = 0
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for well, line in pool.map(play, cases(int(sys.argv[1]), int(sys.argv[2]))):
            failed += not well
            print(line, flush=True)
    print(f"{failed} failed")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
