"""Training on a network with every fault, compared with the same training in lockstep.

    python -m tests.campaigns.exact 0 20 [BATCHES_IN_FLIGHT]

runs seeds 0 to 19 of every rule, optimiser and task, with delays up to 8 update times, 30 % loss,
10 % duplicates, a slow host, and a host that crashes and returns. Losses, tensions and weights must
equal those of lockstep, bit for bit. It prints the results; the exit code is 1 if one differs.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

import sheafnet as sn
from sheafnet.core.arrays import Array
from tests.support import golden
from tests.support.digits import digits

RULES = {"nudged": sn.Nudged(), "relax": sn.Relax(), "relax, 3 sweeps": sn.Relax(sweeps=3)}
OPTIMISERS = {
    "sgd": sn.Sgd(0.05, momentum=0.9),
    "adam": sn.Adam(0.02, schedule="cosine"),
    "kron": sn.Kron(0.05, weight_decay=0.01, warmup=5),
}
TASKS = ("blobs", "digits")
HOSTS = ("layer_0", "layer_1", "layer_2")
SLOWER = 9.0


@dataclass(frozen=True)
class Case:
    """One training, without its runtime."""

    task: str
    rule: str
    optimiser: str
    batches_in_flight: int = 1

    def fit(self, runtime: sn.Lockstep | sn.Simulator) -> sn.Fit:
        """Train for two epochs on blobs, or for one on the digits."""
        net, x, y = data(self.task)
        return sn.train(
            net, x, y, rule=RULES[self.rule], optimiser=OPTIMISERS[self.optimiser],
            epochs=2 if self.task == "blobs" else 1, batch_size=64,
            batches_in_flight=self.batches_in_flight, seed=1,
            every=4, runtime=runtime,
        )  # fmt: skip


@cache
def data(task: str) -> tuple[sn.ReluNetwork, Array, Array]:
    """Return the network before training, the inputs, and the targets or labels."""
    if task == "blobs":
        blobs = golden.load_task(task)
        return blobs.network, *blobs.train
    return sn.ReluNetwork.random([64, 32, 10], 0, "softmax"), digits().x, digits().labels


@cache
def expected(case: Case) -> sn.Fit:
    """Return the result of the training in lockstep."""
    return case.fit(sn.Lockstep())


def hostile(seed: int, lasts: float) -> sn.Simulator:
    """Return a network with every fault, whose one crash is before virtual time ``lasts``."""
    rng = np.random.default_rng(seed)
    straggler, crashing = rng.choice(HOSTS, 2)
    crash = sn.Restart(str(crashing), float(rng.uniform(0.0, lasts)), down=30.0)
    return sn.Simulator(
        seed=seed, latency=sn.Uniform(0.0, 8.0), loss=0.3, duplication=0.1,
        slow={str(straggler): SLOWER}, restarts=(crash,),
    )  # fmt: skip


def differs(case: Case, seed: int) -> tuple[str, int]:
    """Return the first difference from lockstep, empty if none, and the number of crashed hosts."""
    here = expected(case)
    there = case.fit(hostile(seed, lasts=20.0 * here.stats.rounds))
    crashes = sum(time.away > 0.0 for time in there.record.hosts.values())
    for one, other in zip(here.history, there.history, strict=True):
        if (one.step, one.train, one.tension, one.discord, one.step_norm) != (
            other.step, other.train, other.tension, other.discord, other.step_norm,
        ):  # fmt: skip
            return f"the evaluation at step {one.step}", crashes
    for ours, theirs in zip(here.network.layers, there.network.layers, strict=True):
        if ours.contents() != theirs.contents():
            return "a map at the end", crashes
    return "", crashes


def main(first: int, last: int, batches_in_flight: int) -> int:
    """Run the seeds of all cases and return the number that differ."""
    seen: Counter[str] = Counter()
    for task, rule, optimiser in product(TASKS, RULES, OPTIMISERS):
        case = Case(task, rule, optimiser, batches_in_flight)
        found = [differs(case, seed) for seed in range(first, last)]
        wrong = [f"seed {seed}: {what}" for seed, (what, _) in enumerate(found, first) if what]
        crashes = sum(crashes for _, crashes in found)
        seen.update(runs=len(found), crashes=crashes, wrong=len(wrong))
        said = ", ".join(wrong) or "the same, to the bit"
        print(f"{task}, {rule}, {optimiser}: {len(found)} runs, {crashes} crashes: {said}")
    print(f"{seen['runs']} runs, {seen['crashes']} crashes, {seen['wrong']} differ")
    return seen["wrong"]


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    sys.exit(bool(main(*numbers[:2], *(numbers[2:] or [1]))))
