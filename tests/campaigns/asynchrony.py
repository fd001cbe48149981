"""Relaxations on a network with heavy loss and delay, one scenario for each seed.

    python -m tests.campaigns.asynchrony 0 200

runs the scenarios of seeds 0 to 199 in as many processes as there are cores and prints their
results; the exit code is 1 if one of them failed. To repeat one seed, give that seed and the next.
The test suite runs some of the same scenarios.
"""

from __future__ import annotations

import sys

import numpy as np

import sheafnet as sn
from sheafnet.runtime.hosts.placement import hosts_of
from tests.support import golden, scenario
from tests.support.scenario import Scenario
from tests.support.sheaves import grid

LOSS = 0.4
LONGEST_DELAY = 20.0
LATEST_REPORT = 600.0
LATEST_RESTART = 30_000.0
STRAGGLER = 20.0


def hostile(seed: int) -> Scenario:
    """Return the scenario of a seed.

    It has 40 % loss, delays up to 20 update times, a slow host, a restart and a coordinator with
    long delays.
    """
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
    hosts = list(hosts_of(sheaf, "by-layer"))
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
        stop=sn.Stop(max_rounds=scenario.PATIENCE, max_time=100.0 * scenario.PATIENCE),
    )
    return Scenario(f"seed {seed}, {name}", run.problem, simulator, oracle)


def play(seed: int) -> str:
    """Run the scenario of one seed and return a line with its result."""
    return scenario.play(hostile(seed))


if __name__ == "__main__":
    scenario.sweep(play, range(int(sys.argv[1]), int(sys.argv[2])))
