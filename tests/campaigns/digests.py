"""The digest of every rule, in lockstep and in the simulator; a refactoring must not change it.

    python -m tests.campaigns.digests

prints a line for each case, with its name and the digest of its whole result. Digests can be
compared within one environment only: another NumPy, BLAS or number of threads rounds sums
differently.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import sheafnet as sn
from sheafnet.dynamics.rules import RULES
from sheafnet.dynamics.training.learning_rule import LearningRule
from sheafnet.runtime.interface import Runtime
from tests.campaigns import hostile
from tests.support import golden
from tests.support.digits import digits

INFERENCE: dict[str, tuple[Any, str]] = {
    "heat": (sn.Heat(), "2-6-4-4-1-identity"),
    "heat with one dt": (sn.Heat(dt=0.02), "2-4-1-identity"),
    "heat that diverges": (sn.Heat(dt=5.0), "2-4-1-identity"),
    "prox lowest": (sn.Prox(), "2-6-4-4-1-identity"),
    "prox keep": (sn.Prox("keep", damping=0.8), "2-25-1-sigmoid"),
    "sor": (sn.Sor(), "4-8-6-4-3-softmax"),
    "sor with one omega": (sn.Sor(1.2), "2-6-4-4-1-identity"),
    "coboundary": (sn.Coboundary(), "64-32-32-10-softmax"),
    "active-set": (sn.ActiveSet(), "2-6-4-4-1-identity"),
}
"""Rules and the reference networks that they relax, from a random start."""

_LISTED = {type(rule) for rule, _ in INFERENCE.values()}
INFERENCE |= {
    name: (rule(), "2-6-4-4-1-identity")
    for name, rule in RULES.items()
    if not issubclass(rule, LearningRule) and rule not in _LISTED
}

TRAINING: dict[str, dict[str, Any]] = {
    "nudged sgd": {"rule": sn.Nudged(), "optimiser": sn.Sgd(0.05, momentum=0.5)},
    "nudged adam, three in flight": {
        "rule": sn.Nudged(), "optimiser": sn.Adam(0.01, warmup=3), "batches_in_flight": 3,
    },
    "nudged kron": {"rule": sn.Nudged(), "optimiser": sn.Kron(0.05, schedule="cosine")},
    "relax": {"rule": sn.Relax(), "optimiser": sn.Kron(0.05), "label_smoothing": 0.1},
    "relax of three sweeps, two in flight": {
        "rule": sn.Relax(0.5, sweeps=3, stalks=sn.Heat()),
        "optimiser": sn.Adam(0.01, weight_decay=0.1), "batches_in_flight": 2,
    },
    "nudged with early stopping": {
        "rule": sn.Nudged(), "optimiser": sn.Sgd(1.0), "patience": 2,
    },
}  # fmt: skip
"""Rules that learn from batches of the digits."""

JOINT: dict[str, dict[str, Any]] = {
    "joint": {"rule": sn.Joint(beta=0.001, dt=0.05)},
    "joint with steps of its own": {
        "rule": sn.Joint(stalks=sn.Prox("keep")), "optimiser": sn.Adam(0.01),
    },
}  # fmt: skip
"""The rule under which stalks and maps move together. It has no snapshot to which a crashed host
could return, so its faulty runs have a pause instead of a crash."""


class Digest:
    """A hash of numbers and text in the order in which they are added."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)

    def add(self, *parts: object) -> None:
        for part in parts:
            if isinstance(part, float | int):
                self._hash.update(struct.pack("<d", part))
            elif isinstance(part, np.ndarray):
                self._hash.update(np.ascontiguousarray(part).tobytes())
            else:
                self._hash.update(str(part).encode())

    def add_record(self, record: Any) -> None:
        stats = record.stats
        self.add(record.outcome.name, record.trace_digest, stats.rounds, stats.updates)
        self.add(stats.messages, stats.frames, stats.bytes, stats.virtual_time)
        self.add(stats.max_staleness, *(record.cochain[v] for v in record.cochain))

    def __str__(self) -> str:
        return self._hash.hexdigest()


class Case(NamedTuple):
    """A run and its name."""

    name: str
    digest: Callable[[], str]


def faulty(hosts: Sequence[str], crash_at: float, seed: int, **settings: Any) -> sn.Simulator:
    """Return a network with loss, duplicates and reordering, in which the middle host fails.

    The host crashes at virtual time ``crash_at``. If that is 0 it pauses for a while instead and
    keeps its state.
    """
    middle = hosts[len(hosts) // 2]
    fault: dict[str, Any] = {"pauses": (sn.Pause(middle, 30.0, 25.0),)}
    if crash_at:
        fault = {"restarts": (sn.Restart(middle, crash_at, 15.0),)}
    return sn.Simulator(
        seed=seed,
        latency=sn.Exponential(1.5),
        loss=0.15,
        duplication=0.1,
        slow={hosts[0]: 2.0},
        **fault,
        **settings,
    )


def layers(network: sn.ReluNetwork) -> list[str]:
    """Return the hosts of a network that is placed by layer."""
    return [f"layer_{layer}" for layer in range(len(network.widths))]


def inferred(rule: Any, reference: golden.Golden, runtime: Runtime) -> str:
    """Return the digest of a run from a random start."""
    stop = sn.Stop(1e-8, max_rounds=400)
    digest = Digest()
    digest.add_record(
        sn.infer(reference.sheaf, reference.pins, rule=rule, runtime=runtime, stop=stop, seed=3)
    )
    return str(digest)


def with_other_pins(runtime: Runtime) -> str:
    """Return the digest of a stay run whose pins are replaced once it has settled."""
    reference = golden.load("2-6-4-4-1-identity")
    digest = Digest()
    others = iter([[*reference.pins, sn.Pin("z2", 0.5, strength=0.3)], reference.pins[:1]])

    class SetsPins(sn.Observer):
        def settled(self, solution: sn.Solution) -> None:
            digest.add_record(solution)
            pins = next(others, None)
            if pins is None:
                run.stop()
            else:
                run.set_pins(pins)

    run = sn.prepare(
        reference.sheaf,
        reference.pins,
        rule="prox",
        runtime=runtime,
        stop=sn.Stop(1e-7, stay=True, max_rounds=10**5),
        observer=SetsPins(),
    )
    digest.add_record(run.execute())
    return str(digest)


def trained(settings: dict[str, Any], runtime: Runtime) -> str:
    """Return the digest of a few training steps on the digits."""
    data = digits()
    network = sn.ReluNetwork.random([64, 16, 12, 10], output="softmax", seed=2)
    few = slice(0, 512)
    joint = isinstance(settings["rule"], sn.Joint)
    how: dict[str, Any] = (
        {"rounds": 40, "every": 15} if joint else {"rounds": 24, "every": 5, "batch_size": 32}
    )
    if "patience" in settings:
        how |= {"rounds": 60, "every": 1}
    test = (data.xt[:, :200], data.labels_t[:200])
    fit = sn.train(
        network, data.x[:, few], data.labels[few], test=test, seed=4, runtime=runtime,
        **how, **settings,
    )  # fmt: skip
    digest = Digest()
    digest.add_record(fit.record)
    digest.add(fit.stopped, *fit.network.weights, *fit.network.biases)
    for it in fit.history:
        digest.add(it.step, it.time, it.train.loss, it.test.loss if it.test else 0.0)
        digest.add(*it.discord.values(), *it.tension.values(), *it.step_norm.values())
    return str(digest)


def cases() -> Iterator[Case]:
    """Yield every case."""
    for name, (rule, network) in INFERENCE.items():
        reference = golden.load(network)
        hosts = layers(reference.network)
        vertices = reference.sheaf.vertices
        runtimes: dict[str, Runtime] = {
            "lockstep": sn.Lockstep(),
            "alternating": sn.Lockstep("alternating"),
            "simulator": faulty(hosts, 40.0, 11),
            "by vertex": faulty(vertices, 25.0, 12, placement="by-vertex", window=1),
        }
        for where, runtime in runtimes.items():
            yield Case(f"{name}, {where}", partial(inferred, rule, reference, runtime))
    hosts = [f"layer_{layer}" for layer in range(4)]
    for name, settings in {**TRAINING, **JOINT}.items():
        simulator = faulty(hosts, 0.0 if name in JOINT else 120.0, 13)
        yield Case(f"{name}, lockstep", partial(trained, settings, sn.Lockstep()))
        yield Case(f"{name}, simulator", partial(trained, settings, simulator))
    yield Case("pins that change, lockstep", partial(with_other_pins, sn.Lockstep()))
    yield Case("pins that change, simulator", partial(with_other_pins, faulty(hosts, 60.0, 14)))
    for seed in range(6):
        mix = partial(hostile.digest, seed, through_its_run_directory=True)
        yield Case(f"hostile mix {seed}", mix)


def main() -> None:
    """Print the digest of every case."""
    for case in cases():
        print(f"{case.digest()}  {case.name}", flush=True)


if __name__ == "__main__":
    main()
