"""The number of messages that `sor` needs with tokens, which must not depend on the delay.

    python -m tests.campaigns.tokens 0 20

prints, for each network and seed, the messages until every stalk is within 1e-9 of the forward
pass, at delays 0, 2 and 8, and the largest spread; the exit code is 1 if that is above 1 %. It
checks the stalks after every step, not in the waves of the coordinator.
"""

from __future__ import annotations

import sys

import numpy as np

import sheafnet as sn
from tests.support import golden

NETWORKS = ("2-6-4-4-1-identity", "64-32-32-10-softmax")
DELAYS = (0.0, 2.0, 8.0)
WITHIN = 1e-9
ALLOWED = 0.01


def messages_needed(reference: golden.Golden, delay: float, seed: int) -> int:
    """Return the messages kept until the forward pass is reached."""
    forward = reference.cochain("")
    stop = sn.Stop(1e-300, max_rounds=10**7)
    run = sn.prepare(reference.sheaf, reference.pins, rule="sor", seed=seed, stop=stop)
    never = sn.Simulator(seed=seed, latency=sn.Constant(delay), report_interval=1e9)
    simulation = never.simulation(run.problem)
    groups = [host.group for host in simulation.hosts.values()]
    looked_after = -1
    while True:
        simulation.kernel.advance()
        updates = sum(host.updates for host in simulation.hosts.values())
        if updates == looked_after:
            continue
        looked_after = updates
        stalks = [item for group in groups for item in group.stalks().items()]
        if all(np.abs(stalk - forward[vertex]).max() <= WITHIN for vertex, stalk in stalks):
            return sum(group.messages for group in groups)


def main(first: int, end: int) -> None:
    """Count the messages for every network and seed."""
    worst = 0.0
    for name in NETWORKS:
        for seed in range(first, end):
            counts = [messages_needed(golden.load(name), delay, seed) for delay in DELAYS]
            spread = max(counts) / min(counts) - 1.0
            worst = max(worst, spread)
            print(f"{name}, seed {seed}: {counts}, spread {spread:.3%}", flush=True)
    print(f"worst spread {worst:.3%}")
    sys.exit(worst > ALLOWED)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
