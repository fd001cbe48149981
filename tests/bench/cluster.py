"""Speed, fairness and memory of the cluster runtime.

    python -m tests.bench.cluster

It prints:

1. The seconds of start-up, by phase.
2. Updates of each vertex on 64-32-32-10 and on a net of ten hidden layers, and the memory of each
   process over 10,000 updates.
3. Frames a second between two hosts, beside a bare pair of Ray actors that exchange frames of the
   same size with the same window. The two take many short turns, because the rate of the bare pair
   alone varies twofold within a minute. A host of ours does an update before each frame.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

import sheafnet as sn
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.program import Program, Step
from sheafnet.dynamics.star import Star
from sheafnet.runtime.cluster import environment
from sheafnet.runtime.cluster.cluster import WarmCluster
from tests.campaigns.kills import pid_of

environment.stay_offline()
import ray  # noqa: E402

from sheafnet.runtime.cluster.session import session  # noqa: E402

NEVER = sn.Stop(1e-300, max_rounds=10**9)
SECONDS = 1.5
TURNS = 12

SETTLED = 8
"""Number of reports after which two hosts exchange frames at a steady rate."""


class Recorder(sn.Observer):
    """An observer that keeps every report with its time, and ends the run after enough of them."""

    def __init__(self, enough: Callable[[sn.Progress], bool]) -> None:
        self.enough = enough
        self.seen: list[tuple[float, sn.Progress]] = []
        self.done = threading.Event()
        self.each: Callable[[sn.Progress], None] = lambda _: None

    def progressed(self, progress: sn.Progress) -> None:
        if self.done.is_set():
            return  # the hosts may be gone
        self.seen.append((time.perf_counter(), progress))
        self.each(progress)
        if self.enough(progress):
            self.done.set()

    def failed(self, error: BaseException) -> None:  # noqa: ARG002
        self.done.set()


def network(widths: tuple[int, ...], batch: int) -> tuple[sn.Sheaf, list[sn.Pin]]:
    net = sn.ReluNetwork.random(widths, seed=0)
    x = np.random.default_rng(0).standard_normal((widths[0], batch))
    return net.to_sheaf(), [sn.Pin("a0", x)]


def phases() -> None:
    """Print how long each phase of a small run takes, Ray included."""
    began = time.perf_counter()
    recorder = Recorder(lambda _: False)
    with session("local"):
        started = time.perf_counter()
        sn.infer(*network((4, 8, 2), 1), runtime=sn.Cluster(), observer=recorder)
        ended = time.perf_counter()
    stopped = time.perf_counter()
    first = recorder.seen[0][0]
    print(
        f"start-up: Ray {started - began:.1f} s, coordinator and 3 hosts to the first report "
        f"{first - started:.1f} s, run {ended - first:.1f} s, Ray's end {stopped - ended:.1f} s"
    )


def fairness(widths: tuple[int, ...], updates: int) -> None:
    """Print updates by vertex, and the memory of each host in the first and the last decile."""
    busiest = Recorder(lambda p: max(p.counters.updates.values()) >= updates)
    run = sn.start(*network(widths, 16), runtime=sn.Cluster(), stop=NEVER, observer=busiest)
    hosts = [f"layer_{n}" for n in range(len(widths))]
    pids: dict[str, int] = {}
    memory: dict[str, list[int]] = {host: [] for host in hosts}

    def sample(_: sn.Progress) -> None:
        if not pids:
            pids.update({host: pid_of(host) for host in hosts})
        for host, pid in pids.items():
            memory[host].append(resident(pid))

    busiest.each = sample
    busiest.done.wait()
    last = busiest.seen[-1][1].counters.updates
    run.stop()
    run.result()
    free = {vertex: count for vertex, count in last.items() if vertex != "a0"}
    share = min(free.values()) / max(free.values())
    print(f"{'-'.join(map(str, widths))}: fewest updates / most = {share:.2f}")
    print("  " + ", ".join(f"{vertex} {count:,}" for vertex, count in free.items()))
    for host, sizes in memory.items():
        decile = max(len(sizes) // 10, 1)
        first, final = (statistics.median(part) for part in (sizes[:decile], sizes[-decile:]))
        print(f"  {host}: {first / 2**20:.0f} MiB → {final / 2**20:.0f} MiB, × {final / first:.3f}")


def resident(pid: int) -> int:
    """Return the memory of a process that is its own, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no RssAnon")


@dataclass(frozen=True)
class Drifting(sn.Heat):
    """Heat that never becomes stationary, so that every update sends a message."""

    def start(self, star: Star) -> Program:
        return _Drifting(super().start(star))


@dataclass
class _Drifting(Program):
    heat: Program

    def ready(self, star: Star, inbox: Inbox) -> bool:
        return self.heat.ready(star, inbox)

    def step(self, star: Star, inbox: Inbox) -> Step:
        stalk = self.heat.step(star, inbox).stalk
        if stalk is None:
            return Step(star.stalk + 1.0)
        stalk += 1.0
        return Step(stalk)


class Bare:
    """One of a pair of actors that answer each frame with a frame."""

    def __init__(self) -> None:
        self.mail: SimpleQueue[bytes] = SimpleQueue()
        self.received = 0

    def bind(self, peer: Any, frame: bytes, window: int) -> None:
        """Begin by sending ``window`` frames to ``peer``."""
        threading.Thread(target=self.live, args=(peer, frame, window), daemon=True).start()

    def push(self, data: bytes) -> None:
        """Receive a frame."""
        self.mail.put(data)

    def count(self) -> int:
        """Return the number of frames received."""
        return self.received

    def live(self, peer: Any, frame: bytes, window: int) -> None:
        """Send a frame for each frame that arrives."""
        send = peer.push.options(num_returns=0).remote
        for _ in range(window):
            send(frame)
        while True:
            self.mail.get()
            self.received += 1
            send(frame)


def bare_rate(size: int, window: int) -> float:
    """Return the frames a second that a bare pair of actors exchanges, with our Ray options.

    A frame acknowledges the one that it answers. With ``window`` frames in circulation neither
    side therefore has more than ``window`` unacknowledged frames in flight.
    """
    actor = ray.remote(Bare).options(num_cpus=0, enable_task_events=False)
    pair: list[Any] = [actor.remote(), actor.remote()]
    first, second = pair
    frame = bytes(size)
    ray.get([second.bind.remote(first, frame, 0), first.bind.remote(second, frame, window)])

    def received() -> int:
        return sum(ray.get([each.count.remote() for each in pair]))

    time.sleep(1.0)
    began, before = time.perf_counter(), received()
    time.sleep(SECONDS)
    rate = (received() - before) / (time.perf_counter() - began)
    for each in pair:
        ray.kill(each)
    return rate


def our_rate(size: int, cluster: WarmCluster) -> tuple[float, float]:
    """Return the frames with messages a second, and the updates per such frame."""
    same, rows = sn.Identity(), size // 8
    pair = sn.Sheaf({"z1": rows, "a1": rows}, [sn.Edge("activation_1", "z1", "a1",
                                                       sn.ReluGate(), same)])  # fmt: skip
    enough = SETTLED + round(SECONDS / cluster.cluster.report_interval)
    recorder = Recorder(lambda _: len(recorder.seen) > enough)
    run = sn.start(pair, rule=Drifting(), runtime=cluster, stop=NEVER, observer=recorder)
    recorder.done.wait()
    run.stop()
    run.result()
    (began, first), (ended, last) = recorder.seen[SETTLED], recorder.seen[-1]
    messages = last.messages - first.messages
    return messages / (ended - began), (last.updates - first.updates) / messages


def frames() -> None:
    """Print the frame rate of our hosts beside that of the bare pair."""
    for size in (2**10, 2**16, 2**20):
        for window in (1, 2):
            ours, bare, each = [], [bare_rate(size, window)], []
            with sn.Cluster(placement="by-vertex", window=window).warm() as cluster:
                for _ in range(TURNS):
                    rate, updates = our_rate(size, cluster)
                    ours.append(rate)
                    each.append(updates)
                    bare.append(bare_rate(size, window))
            around = map(statistics.mean, pairwise(bare))
            ratios = [rate / beside for rate, beside in zip(ours, around, strict=True)]
            low, middle, high = statistics.quantiles(ratios)
            print(
                f"{size // 1024} KiB, window {window}: {statistics.median(ours):,.0f} frames/s, "
                f"bare pair {statistics.median(bare):,.0f}, ratio {middle:.2f} ({low:.2f} to "
                f"{high:.2f}), {statistics.median(each):.1f} updates a frame",
                flush=True,
            )


if __name__ == "__main__":
    phases()
    with session("local"):
        fairness((64, 32, 32, 10), 10_000)
        fairness((16, *[32] * 10, 4), 10_000)
        frames()
