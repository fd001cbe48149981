"""The cost of metrics to a run that a Prometheus scrapes.

    python -m tests.bench.metrics [SCRAPES]

A real Prometheus scrapes SCRAPES times a second, ten by default. A run pays for each scrape and for
nothing else, so ten scrapes a second show ten times the cost of one, which alone would be lost in
the noise. Metrics are served in every other turn of one endless run, because the difference between
two runs, or between two minutes, is larger than the cost.

It prints how much longer a vertex update takes with metrics than in the turns before and after, as
the median ratio with its quartiles, and as the mean with its standard error; 1.01 is a cost of one
percent at that number of scrapes a second. It also prints the share of a processor that the other
threads take in the process of the run (on a cluster: of the coordinator), and the seconds that it
takes to stop serving.
"""

from __future__ import annotations

import json
import math
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import sheafnet as sn
from sheafnet.observe.composite import CompositeObserver
from sheafnet.observe.prometheus import Metrics
from sheafnet.runtime.cluster import environment
from sheafnet.runtime.interface import Runtime
from sheafnet.runtime.problem import Problem
from tests.support import golden
from tests.support.watcher import FOUND_WITHIN, Watcher, watching

NETWORKS = ("64-32-32-10-softmax", "8-8-8-8-8-8-8-8-8-8-8-identity")
SCRAPES = 10.0
TURNS = 81
"""Number of turns; odd, so that the first and the last are both without metrics."""

SECONDS = 1.5
WARM = 4.0
SETTLED = 0.5
"""Seconds at the start of a turn that are not counted, in which Prometheus notices the change."""

RULE = sn.Heat(dt=1e-6)
"""A step so short that no run becomes stationary in time, so that every update sends messages."""


class Mark(NamedTuple):
    """The progress of a run, and the time that it has used.

    Attributes
    ----------
    clock
        Wall-clock time in seconds.
    updates
        Number of vertex updates so far.
    aside
        Processor time in seconds of all threads but the one that runs the vertices.
    """

    clock: float
    updates: int
    aside: float

    @classmethod
    def of(cls, progress: sn.Progress) -> Mark:
        aside = time.process_time() - time.thread_time()
        return cls(time.perf_counter(), progress.updates, aside)


class Turn(NamedTuple):
    """The measurements of one turn: seconds per update, and the share of a processor."""

    each: float
    aside: float

    @classmethod
    def between(cls, begin: Mark, end: Mark) -> Turn:
        seconds = end.clock - begin.clock
        return cls(seconds / (end.updates - begin.updates), (end.aside - begin.aside) / seconds)


class InTurns(sn.Observer):
    """An observer that serves metrics in every other turn.

    After the last turn it writes the measurements of all turns, and the seconds that each end of
    serving took, to a file.
    """

    travels = True

    def __init__(self, port: int, note: Path) -> None:
        self.port = port
        self.note = note
        self.metrics: Metrics | None = None
        self.until = math.inf
        self.begin: Mark | None = None
        self.turns: list[Turn] = []
        self.stops: list[float] = []

    def started(self, problem: Problem) -> None:
        self.problem = problem
        self.until = time.perf_counter() + WARM

    def progressed(self, progress: sn.Progress) -> None:
        if self.metrics is not None:
            self.metrics.progressed(progress)
        mark = Mark.of(progress)
        if self.begin is None and mark.clock >= self.until - SECONDS:
            self.begin = mark
        if self.begin is None or mark.clock < self.until or len(self.turns) == TURNS:
            return
        self.turns.append(Turn.between(self.begin, mark))
        if len(self.turns) == TURNS:
            # The file is renamed when it is complete, so that no reader finds a part of it.
            part = self.note.with_suffix(".part")
            part.write_text(json.dumps([self.turns, self.stops]), encoding="utf-8")
            part.rename(self.note)
        else:
            self.take_turns()
            self.begin, self.until = None, time.perf_counter() + SETTLED + SECONDS

    def take_turns(self) -> None:
        if self.metrics is None:
            self.metrics = Metrics(self.port)
            self.metrics.started(self.problem)
        else:
            began = time.perf_counter()
            self.metrics.failed(RuntimeError("its turn is over"))
            self.metrics = None
            self.stops.append(time.perf_counter() - began)


class Until(sn.Observer):
    """An observer that sets an event once a file exists, or the run has failed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known = threading.Event()

    def progressed(self, progress: sn.Progress) -> None:  # noqa: ARG002
        if self.path.exists():
            self.known.set()

    def failed(self, error: BaseException) -> None:  # noqa: ARG002
        self.known.set()


def compare(name: str, runtime: Runtime, folder: Path, port: int, watcher: Watcher) -> None:
    """Run with metrics in every other turn and print the measurements."""
    reference = golden.load(name)
    until = Until(folder / f"{type(runtime).__name__}-{name}.json")
    run = sn.start(
        reference.sheaf,
        reference.pins,
        rule=RULE,
        runtime=runtime,
        stop=sn.Stop(max_rounds=10**9),
        observer=CompositeObserver([until, InTurns(port, until.path)]),
    )
    began = time.monotonic()
    until.known.wait()
    window = f"[{time.monotonic() - began:.0f}s]"
    run.stop()
    run.result()

    rows, stops = json.loads(until.path.read_text(encoding="utf-8"))
    turns = [Turn(*row) for row in rows]
    served, bare = turns[1::2], turns[::2]
    ratios = [
        turn.each / statistics.mean((before.each, after.each))
        for turn, (before, after) in zip(served, pairwise(bare), strict=True)
    ]
    low, middle, high = statistics.quantiles(ratios, n=4)
    error = statistics.stdev(ratios) / math.sqrt(len(ratios))
    aside, alone = (statistics.median(turn.aside for turn in each) for each in (served, bare))
    (scrapes,) = watcher.query(f"sum(count_over_time(sheafnet_converged{window}))")
    (answer,) = watcher.query(
        f"quantile_over_time(0.5, (scrape_duration_seconds and up == 1){window[:-1]}:])"
    )
    print(
        f"{type(runtime).__name__}, {name}: {middle:.3f} ({low:.3f} to {high:.3f}), "
        f"mean {statistics.mean(ratios):.3f} ± {error:.3f}; "
        f"aside {aside:.2%} instead of {alone:.2%}; "
        f"stopped in {statistics.median(stops):.2f} s; "
        f"{scrapes.value:.0f} scrapes, answered in {answer.value * 1e3:.1f} ms; "
        f"load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def main(scrapes: float) -> None:
    """Compare on every runtime, with ``scrapes`` scrapes a second."""
    from sheafnet.runtime.cluster.session import session

    port = free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # All runs use one target, since Prometheus takes seconds to find a new one. In a turn
        # without metrics the target does not answer.
        targets = folder / "targets.json"
        targets.write_text(json.dumps([{"targets": [f"127.0.0.1:{port}"]}]), encoding="utf-8")
        with watching(folder / "prometheus", [targets], every=1.0 / scrapes) as watcher:
            watcher.until("up", bool, FOUND_WITHIN)
            for network in NETWORKS:
                for runtime in (sn.Lockstep(), sn.Simulator()):
                    compare(network, runtime, folder, port, watcher)
            with session("local"):
                compare(NETWORKS[0], sn.Cluster(), folder, port, watcher)


if __name__ == "__main__":
    environment.stay_offline()
    main(float(sys.argv[1]) if len(sys.argv) > 1 else SCRAPES)
