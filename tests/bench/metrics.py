"""What it costs a run that a Prometheus watches it.

    python -m tests.bench.metrics [SECONDS]

A real Prometheus scrapes once a second, or as often as said: a scrape costs what it costs, so
ten in a second show ten times as much where the noise hides the cost of one. With and without
metrics in turn, the same work is done again and again:

1. In lockstep and in the simulator: seconds for a fixed number of rounds; the share of a processor
   that threads other than that of the run take meanwhile; and how much longer the end takes.
2. On a cluster: seconds for a million vertex updates; and the share of a processor that the
   coordinator takes meanwhile, which is where the metrics are served.

Prints the median ratio of neighbours and its quartiles: 1.01 is a cost of one percent. Where other
programs run, the share is the steadier figure, and the time that Prometheus waits for an answer
bounds it from above.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import sheafnet as sn
from sheafnet.observe.prometheus import Metrics
from sheafnet.observe.several import Several
from sheafnet.runtime.cluster import environment
from sheafnet.runtime.ports import Runtime
from tests import golden
from tests.observe.watcher import FOUND_WITHIN, Watcher, watching

NETWORKS = ("64-32-32-10-softmax", "8-8-8-8-8-8-8-8-8-8-8-identity")
PAIRS = 10
SECONDS = 2.0
WARM = 4.0
RULE = sn.Heat(dt=1e-6)
"""Never at rest within these times: every update has something to do and to say."""


class Cost(NamedTuple):
    """What the same work took.

    Attributes
    ----------
    seconds
        On the clock.
    aside
        Seconds of a processor beside the work, for each second.
    end
        Seconds from the result until the run was over.
    """

    seconds: float
    aside: float = 0.0
    end: float = 0.0


class Recorder(sn.Observer):
    """Keeps every progress with its time."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, sn.Progress]] = []
        self.first = threading.Event()

    def progressed(self, progress: sn.Progress) -> None:
        self.seen.append((time.perf_counter(), progress))
        self.first.set()


class Meter(sn.Observer):
    """Notes what share of a processor the process of the coordinator takes."""

    travels = True

    def __init__(self, note: Path) -> None:
        self.note = note
        self.began: tuple[float, float] | None = None

    def progressed(self, progress: sn.Progress) -> None:  # noqa: ARG002
        now = time.perf_counter(), time.process_time()
        if self.began is None:
            self.began = now
        else:
            share = (now[1] - self.began[1]) / (now[0] - self.began[0])
            self.note.write_text(str(share), encoding="utf-8")


def rounds_within(name: str, runtime: Runtime, seconds: float) -> int:
    """Return about how many rounds take so long."""
    recorder = Recorder()
    reference = golden.load(name)
    run = sn.start(reference.sheaf, reference.pins, rule=RULE, runtime=runtime, observer=recorder,
                   stop=sn.Stop(max_rounds=10**9))  # fmt: skip
    recorder.first.wait()
    time.sleep(seconds)
    run.stop()
    return run.result().stats.rounds


def relax(name: str, runtime: Runtime, rounds: int, metrics: Metrics | None) -> Cost:
    """Do so many rounds."""
    reference = golden.load(name)
    run = sn.prepare(
        reference.sheaf,
        reference.pins,
        rule=RULE,
        runtime=runtime,
        stop=sn.Stop(max_rounds=rounds),
        observer=metrics,
    )
    began, aside = time.perf_counter(), time.process_time() - time.thread_time()
    solution = run.execute()
    took = time.perf_counter() - began
    aside = time.process_time() - time.thread_time() - aside
    assert solution.outcome is sn.Outcome.BUDGET_EXHAUSTED
    seconds = solution.stats.wall_time
    return Cost(seconds, aside / seconds, took - seconds)


def update(name: str, note: Path, metrics: Metrics | None) -> Cost:
    """Update on a cluster for a while; return seconds for a million updates."""
    reference, recorder = golden.load(name), Recorder()
    observers = [recorder, Meter(note), *([] if metrics is None else [metrics])]
    run = sn.start(
        reference.sheaf,
        reference.pins,
        rule=RULE,
        runtime=sn.Cluster(),
        stop=sn.Stop(max_rounds=10**9),
        observer=Several(observers),
    )
    recorder.first.wait()
    time.sleep(WARM)
    begin = len(recorder.seen)
    time.sleep(SECONDS)
    run.stop()
    run.result()
    (began, first), (ended, last) = recorder.seen[begin], recorder.seen[-1]
    seconds = 1e6 * (ended - began) / (last.updates - first.updates)
    return Cost(seconds, float(note.read_text(encoding="utf-8")))


def compare(what: str, work: Callable[[Metrics | None], Cost], port: int, watcher: Watcher) -> None:
    """Do the work with and without in turn, each first every other time, and print."""
    work(None)
    began = time.monotonic()
    pairs: list[tuple[Cost, Cost]] = []
    for turn in range(PAIRS):
        first = work(Metrics(port) if turn % 2 else None)
        second = work(None if turn % 2 else Metrics(port))
        pairs.append((first, second) if turn % 2 else (second, first))
    window = f"[{time.monotonic() - began:.0f}s]"
    print(f"{what}: {spread([a.seconds / b.seconds for a, b in pairs])}", end="")
    aside, alone, end, plain = (
        statistics.median(column)
        for column in zip(*((a.aside, b.aside, a.end, b.end) for a, b in pairs), strict=True)
    )
    print(f", aside {aside:.2%} instead of {alone:.2%}", end="")
    if end:
        print(f", end {end:.2f} s instead of {plain:.2f} s", end="")
    (scrapes,) = watcher.query(f"sum(count_over_time(sheafnet_converged{window}))")
    (answer,) = watcher.query(
        f"quantile_over_time(0.5, (scrape_duration_seconds and up == 1){window[:-1]}:])"
    )
    print(
        f"; {scrapes.value:.0f} scrapes, answered in {answer.value * 1e3:.1f} ms; "
        f"load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def spread(ratios: list[float]) -> str:
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.4f} ({low:.4f} to {high:.4f})"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def main(every: float) -> None:
    """Compare everywhere, with a scrape every so many seconds."""
    from sheafnet.runtime.cluster.session import session

    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        # One target for all runs, since Prometheus takes seconds to find a new one. Where a run
        # has no metrics nobody answers there.
        targets = Path(folder) / "targets.json"
        targets.write_text(json.dumps([{"targets": [f"127.0.0.1:{port}"]}]), encoding="utf-8")
        with watching(Path(folder) / "prometheus", [targets], every=every) as watcher:
            watcher.until("up", bool, FOUND_WITHIN)
            for name in NETWORKS:
                for runtime in (sn.Lockstep(), sn.Simulator()):
                    rounds = rounds_within(name, runtime, SECONDS)
                    compare(
                        f"{type(runtime).__name__}, {name}, {rounds:,} rounds",
                        lambda m: relax(name, runtime, rounds, m),  # noqa: B023
                        port,
                        watcher,
                    )
            with session("local"):
                name = NETWORKS[0]
                note = Path(folder) / "share"
                compare(
                    f"Cluster, {name}, {SECONDS:g} s",
                    lambda m: update(name, note, m),
                    port,
                    watcher,
                )


if __name__ == "__main__":
    environment.keep_quiet()
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
