"""Runs on a simulated network with a random mix of all faults, one for each seed.

    python -m tests.campaigns.hostile 0 1000

runs seeds 0 to 999 and prints their results; the exit code is 1 if one of them failed. To repeat
one seed, give that seed and the next.

    python -m tests.campaigns.hostile new 60

runs new random seeds for that number of seconds, and

    python -m tests.campaigns.hostile digests 0 1 2

prints the digests of the runs of these seeds, each after its configuration was written and read
again.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import sheafnet as sn
from sheafnet.config.builders.job import InferJob, build_inference, build_runtime
from sheafnet.config.load import Loaded, dump_config, load_config
from sheafnet.config.schema.job import Config
from sheafnet.observe.rundir import RunDirectory
from sheafnet.runtime.hosts.placement import Placement, hosts_of
from sheafnet.runtime.jobs.observer import Observer
from tests.support import golden, scenario
from tests.support.scenario import FailedError, Scenario

LONGEST_DELAY = 50.0
SHORTEST_DELAY = 0.1
LOSS = 0.4
DUPLICATION = 0.3
STRAGGLER = 20.0
APART = 0.2
"""Share of the seeds in which every vertex has a host of its own."""

LONGEST = 1e9
"""Virtual time after which a run counts as hung."""

NAMES = ("2-4-1-identity", "grid", "2-6-4-4-1-identity")
TOLERANCE = {"2-4-1-identity": 1e-6, "grid": 1e-6, "2-6-4-4-1-identity": 1e-7}
"""Stationarity at which the error is below 1e-6; at most half of that in a thousand seeds."""

ROUND_TRIPS = {"2-4-1-identity": 60, "grid": 200, "2-6-4-4-1-identity": 800}
"""Approximate number of round trips of a run; faults that happen once happen within that time."""


def document(seed: int, folder: Path) -> dict[str, Any]:
    """Return the configuration of a seed, and write the files that it names to ``folder``."""
    name = NAMES[seed % 3]
    rng = np.random.default_rng(seed)
    job = problem(name, rng, folder)
    placement: Placement = "by-layer"
    if name == "grid":
        placement = {f"row_{i}": [f"v{i}_{j}" for j in range(5)] for i in range(5)}
    if rng.random() < APART:
        placement = "by-vertex"
    hosts = list(hosts_of(built(job, folder).sheaf, placement))
    return {
        **job,
        "rule": "prox",
        "runtime": network(rng, seed, hosts, placement, ROUND_TRIPS[name], folder),
        "stop": {
            "stationarity": TOLERANCE[name],
            "max_rounds": scenario.PATIENCE,
            "max_time": LONGEST,
        },
        "light_cone": {
            "vertex": "v2_2" if name == "grid" else str(rng.choice(["z1", "a1", "z2"])),
            "at": float(rng.uniform(10.0, 100.0)),
            "by": float(rng.normal()),
        },
        "seed": seed,
    }


def problem(name: str, rng: np.random.Generator, folder: Path) -> dict[str, Any]:
    """Return the sections of a configuration that describe the problem to relax."""
    if name == "grid":
        corners = [f"v{i}_{j}" for i in (0, 4) for j in (0, 4)]
        return {
            "sheaf": {"kind": "constant", "dim": 2, "graph": {"kind": "grid", "side": 5}},
            "pins": [{"vertex": v, "value": rng.standard_normal(2).tolist()} for v in corners],
        }
    reference = golden.load(name)
    reference.network.save(folder / "network.npz")
    return {
        "network": {"kind": "file", "path": str(folder / "network.npz")},
        "data": {"kind": "inline", "inputs": reference.arrays["x"].T.tolist()},
    }


def network(
    rng: np.random.Generator,
    seed: int,
    hosts: list[str],
    placement: Placement,
    round_trips: int,
    folder: Path,
) -> dict[str, Any]:
    """Return the section of a simulated network with every fault at random rates."""

    def upto(largest: float) -> float:
        return float(rng.uniform(0.0, largest))

    def some(things: list[Any]) -> Any:
        return things[int(rng.integers(len(things)))]

    # Log-uniform from a tenth of an update time, so that each order of magnitude is as likely.
    delay = LONGEST_DELAY * 10.0 ** -upto(np.log10(LONGEST_DELAY / SHORTEST_DELAY))
    lasts = round_trips * (delay + 1.0)
    (folder / "delays.txt").write_text("\n".join(map(str, rng.gamma(2.0, delay / 5.0, 50))))
    laws = [
        {"kind": "constant", "time": delay / 2.0},
        {"kind": "uniform", "low": 0.0, "high": delay},
        {"kind": "exponential", "mean": delay / 4.0},
        {"kind": "lognormal", "mean": delay / 3.0, "sigma": upto(1.0)},
        {"kind": "empirical", "path": str(folder / "delays.txt")},
    ]
    one, other = sorted(hosts[int(index)] for index in rng.choice(len(hosts), 2, replace=False))
    apart = [str(host) for host in rng.choice(hosts, rng.integers(1, len(hosts)), replace=False)]
    begins = upto(lasts / 3.0)
    flaps = delay + upto(10.0 * delay)
    return {
        "kind": "simulator",
        "seed": seed,
        "placement": placement,
        "latency": some(laws),
        "loss": upto(LOSS),
        "duplication": upto(DUPLICATION),
        "bandwidth": 10.0 ** (2.0 + upto(2.0)),
        "channels": [  # between any two hosts, neighbours or not
            {"sender": one, "receiver": other, "latency": some(laws), "loss": upto(LOSS)},
        ],
        "partitions": [
            {"hosts": apart, "start": begins, "end": begins + lasts / 3.0},
            {"hosts": [one], "others": [other], "start": upto(delay), "end": flaps + delay,
             "every": 20.0 * flaps},
        ],
        "compute": some(
            [1.0, {"time": {"kind": "exponential", "mean": 1.0}}, {"per_element": upto(0.2)}]
        ),
        "slow": {some(hosts): STRAGGLER ** upto(1.0)},
        "restarts": [{"host": some(hosts), "at": upto(lasts), "down": upto(5.0 * delay)}],
        "pauses": [{"host": some(hosts), "at": upto(lasts), "lasts": upto(20.0 * delay)}],
        "window": some([1, 2, 4]),
        "report_interval": 50.0 * (delay + 1.0),
        "report_latency": {"kind": "uniform", "low": 0.0, "high": upto(20.0 * delay)},
        "shuffle_ties": some([False, True]),
    }  # fmt: skip


def drawn(seed: int, folder: Path) -> InferJob:
    """Return the job of a seed, and write the files that it names to ``folder``."""
    return built(document(seed, folder), folder)


def built(config: dict[str, Any], folder: Path) -> InferJob:
    """Return the job of a configuration whose paths are relative to ``folder``."""
    valid = Config.model_validate(config, context={"base": folder})
    return build_inference(Loaded(valid, folder / "config.yaml"))


def play(seed: int) -> str:
    """Run the job of one seed and its light cone, and return a line with the result.

    Raises
    ------
    FailedError
        If the run fails as in ``tests.support.scenario.play``, or a vertex changed before a frame
        from the push could have reached it.
    """
    with tempfile.TemporaryDirectory() as folder:
        job = drawn(seed, Path(folder))
        name = f"seed {seed}, {NAMES[seed % 3]}"
        cone = light_cone(job)
        if cone is not None and cone.violations:
            raise FailedError(f"{name}: {cone.violations} changed before a frame could tell")
        simulator = build_runtime(job.config)
        assert isinstance(simulator, sn.Simulator)
        oracle = (
            sn.harmonic_extension(job.sheaf, job.pins)
            if job.network is None or job.samples is None
            else job.network.forward_cochain(job.samples.inputs)
        )
        problem = job.prepare(Observer()).problem
        reached = 0 if cone is None else sum(a.earliest < np.inf for a in cone.arrivals.values())
        return (
            scenario.play(Scenario(name, problem, simulator, oracle)) + f", {reached} in the cone"
        )


def light_cone(job: InferJob) -> sn.LightCone | None:
    """Return the light cone of a job; None if the pushed host is down at the time of the push."""
    section = job.config.light_cone
    assert section is not None
    push = sn.Push(**section.model_dump())
    try:
        return sn.light_cone(job.prepare(Observer()), push, to_the_last=False)
    except sn.SheafnetError as error:
        if "is down" not in str(error):
            raise
        return None


def digest(seed: int, *, through_its_run_directory: bool) -> str:
    """Return the digest of the run of a seed.

    The configuration is taken as given, or read from the run directory that it was written to.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        job = drawn(seed, folder)
        if through_its_run_directory:
            RunDirectory(folder / "run").write_inputs(dump_config(job.config), job.network)
            job = build_inference(load_config(folder / "run" / "config.yaml"))
        return str(job.prepare(Observer()).execute().trace_digest)


def main() -> None:
    """Run the seeds that the command line names, or print their digests."""
    match sys.argv[1:]:
        case ["digests", *seeds]:
            for seed in seeds:
                print(digest(int(seed), through_its_run_directory=True))
        case ["new", seconds]:
            first = time.time_ns() % 10**9
            print(f"new seeds, from {first}")
            scenario.sweep(play, range(first, first + 10**6), float(seconds))
        case [first, end]:
            scenario.sweep(play, range(int(first), int(end)))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
