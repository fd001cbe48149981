"""The rounds, messages and seconds that each rule needs to be within 1e-9 of the forward pass.

    python -m tests.bench.rules

All runs are in lockstep, with the input pinned, from the same random start. Beside them runs an
Euler loop in bare NumPy with the authors' step of 0.01, which has access to the whole network and
checks nothing. The command prints:

1. Rounds, messages and seconds on the nets of ``tests/golden``, as a Markdown table.
2. On 2-6-4-4-1, how many times faster ``sor`` is than that loop, and than a loop that goes layer by
   layer and computes the largest force in each round, as a run does.
3. On nets with ten hidden layers of 32, the rounds of ``sor`` beside 12 √κ, where κ is the
   condition number of the Laplacian at the forward pass.

Rounds and messages are counted and do not depend on the machine. The rounds of the Euler loop are
counted in blocks; a very large number of them is extrapolated from the final rate at which the
error shrinks, and marked ~. Seconds are processor time, which other programs disturb less than
wall-clock time. At most ``SLICE`` rounds of each kind of work are timed, in turns with the others,
and scaled to all rounds; the median of ``REPETITIONS`` is printed.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

import sheafnet as sn
from sheafnet.core.arrays import Array
from sheafnet.dynamics.group import Group
from sheafnet.runtime.lockstep import Schedule
from tests.bench.euler import Euler
from tests.bench.lockstep_heat import bare_loop
from tests.support import golden

WITHIN = 1e-9
DT = 0.01
SLICE = 400
EULER_BLOCK = 200
EULER_LIMIT = 300_000
REPETITIONS = 9
NEVER = 1e-300
PROMISED = 50.0
ALLOWED = 12.0


class Way(NamedTuple):
    """A rule, and the schedule of lockstep."""

    title: str
    rule: sn.Rule
    schedule: Schedule = "all"


HEAT = Way("`heat`", sn.Heat())
SOR = Way("`sor`", sn.Sor())
WAYS = (
    HEAT,
    Way("`prox`", sn.Prox()),
    Way("`prox`, alternating", sn.Prox(), "alternating"),
    SOR,
    Way("`coboundary`", sn.Coboundary()),
)


class Need(NamedTuple):
    """The rounds and messages needed to be within the tolerance; Euler's loop sends no messages."""

    rounds: int
    messages: int | None = None
    extrapolated: bool = False


class Task:
    """A network with its input pinned, and the common start of all runs."""

    def __init__(self, network: sn.ReluNetwork, x: Array) -> None:
        self.network = network
        self.sheaf = network.to_sheaf()
        self.pins = [sn.Pin("a0", x)]
        self.forward = network.forward_cochain(x)
        self.start = self.prepare(SOR).problem.start

    def prepare(self, way: Way, max_rounds: int = 1) -> sn.Run:
        return sn.prepare(
            self.sheaf,
            self.pins,
            rule=way.rule,
            runtime=sn.Lockstep(way.schedule),
            stop=sn.Stop(NEVER, max_rounds),
            init="random",
            seed=0,
        )

    def euler(self) -> Euler:
        return Euler(self.network, self.start, DT)

    def distance(self, stalks: Mapping[str, Array]) -> float:
        """Return the largest distance of the stalks from the forward pass."""
        return max(float(np.abs(x - self.forward[v]).max()) for v, x in stalks.items())

    def need(self, way: Way) -> Need:
        """Relax as a lockstep run does, and measure the distance after every round."""
        problem = self.prepare(way).problem
        turns = sn.Lockstep(way.schedule).turns(problem.sheaf, problem.rule)
        group = Group(problem.vertices())
        group.deliver(group.start())
        rounds = 0
        while self.distance(group.stalks()) > WITHIN:
            rounds += 1
            for turn in turns:
                group.deliver(group.step(turn))
        return Need(rounds, group.messages)

    def need_of_euler(self) -> Need:
        """Count rounds in blocks; beyond the limit extrapolate by the rate of the last tenth."""
        loop, distances = self.euler(), [math.inf]
        while distances[-1] > WITHIN:
            done = (len(distances) - 1) * EULER_BLOCK
            if done >= EULER_LIMIT:
                tail = len(distances) // 10
                rate = math.log(distances[-1 - tail] / distances[-1]) / (tail * EULER_BLOCK)
                return Need(done + round(math.log(distances[-1] / WITHIN) / rate), None, True)
            loop.advance(EULER_BLOCK)
            distances.append(self.distance(loop.stalks()))
        return Need((len(distances) - 1) * EULER_BLOCK)

    def run(self, way: Way, rounds: int) -> float:
        """Return the seconds of a whole call of ``sn.infer`` with ``rounds`` rounds."""
        began = time.process_time()
        solution = self.prepare(way, rounds).execute()
        took = time.process_time() - began
        assert solution.stats.rounds == rounds
        return took

    def run_euler(self, rounds: int) -> float:
        """Return the seconds of ``rounds`` rounds of the bare loop."""
        loop = self.euler()
        began = time.process_time()
        loop.advance(rounds)
        return time.process_time() - began


def in_turns(work: Mapping[str, tuple[int, Callable[[int], float]]]) -> dict[str, list[float]]:
    """Return the seconds of each kind of work, one number for each repetition.

    ``work`` maps a name to the number of rounds and the function that runs them.
    """
    seconds: dict[str, list[float]] = {title: [] for title in work}
    for repetition in range(REPETITIONS + 1):
        for title, (rounds, run) in work.items():
            some = min(rounds, SLICE)
            took = run(some) * rounds / some
            if repetition:  # the first repetition warms up
                seconds[title].append(took)
    return seconds


EULER = "Euler, dt 0.01"


def table() -> None:
    """Print the rounds, messages and seconds of every rule on every net."""
    titles = [EULER, *(way.title for way in WAYS)]
    print("| network | " + " | ".join(titles) + " |")
    print("|---|" + "---|" * len(titles))
    for name in sorted(golden.NAMES, key=lambda name: golden.load(name).network.widths):
        net = golden.load(name)
        check_euler(net)
        task = Task(net.network, net.arrays["x"])
        needs = {EULER: task.need_of_euler()} | {way.title: task.need(way) for way in WAYS}
        work = {EULER: (needs[EULER].rounds, task.run_euler)} | {
            way.title: (needs[way.title].rounds, lambda n, way=way: task.run(way, n))  # noqa: B023
            for way in WAYS
        }
        seconds = in_turns(work)
        cells = [cell(need, statistics.median(seconds[title])) for title, need in needs.items()]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def check_euler(net: golden.Golden) -> None:
    """Raise unless the bare loop gives the authors' stalks."""
    loop = Euler(net.network, net.cochain("init_"), DT)
    loop.advance(200)
    there = net.cochain("euler200_")
    for vertex, stalk in loop.stalks().items():
        np.testing.assert_allclose(stalk, there[vertex], rtol=0.0, atol=1e-12)


def cell(need: Need, seconds: float) -> str:
    messages = "–" if need.messages is None else f"{need.messages:,}"
    took = f"{seconds:.{decimals(seconds)}f}"
    if need.extrapolated:
        return f"~{float(f'{need.rounds:.3g}'):,.0f} / {messages} / ~{took}"
    return f"{need.rounds:,} / {messages} / {took}"


def decimals(seconds: float) -> int:
    """Return the number of decimals that show two significant digits of ``seconds``."""
    return max(0, 1 - math.floor(math.log10(seconds)))


def ratios() -> None:
    """Print how many times faster ``sor`` is than Euler's loop."""
    net = golden.load("2-6-4-4-1-identity")
    task = Task(net.network, net.arrays["x"])
    sor, euler = task.need(SOR), task.need_of_euler()

    def layer_by_layer(rounds: int) -> float:
        began = time.process_time()
        bare_loop(task.network, task.start, rounds, DT)
        return time.process_time() - began

    seconds = in_turns(
        {
            "sor": (sor.rounds, lambda n: task.run(SOR, n)),
            "in one": (euler.rounds, task.run_euler),
            "by layer": (euler.rounds, layer_by_layer),
        }
    )
    for what, loop in (
        ("the bare Euler loop", "in one"),
        ("one that goes layer by layer and computes the largest force", "by layer"),
    ):
        ratio = statistics.median(
            theirs / ours for theirs, ours in zip(seconds[loop], seconds["sor"], strict=True)
        )
        print(
            f"2-6-4-4-1: sor takes {sor.rounds} rounds and {statistics.median(seconds['sor']):.3f} "
            f"s, {ratio:.0f} times less than {what} ({euler.rounds:,} rounds, "
            f"{statistics.median(seconds[loop]):.1f} s); "
            f"{'at least' if ratio >= PROMISED else 'NOT'} {PROMISED:.0f} times"
        )


def deep() -> None:
    """Print the rounds of ``sor`` on nets with ten hidden layers."""
    for seed in range(10):
        network = sn.ReluNetwork.random([16, *[32] * 10, 4], seed)
        task = Task(network, np.random.default_rng(100 + seed).standard_normal((16, 1)))
        (eigenvalues,) = sn.spectrum(task.sheaf, task.pins, task.forward)
        condition = float(eigenvalues[-1] / eigenvalues[0])
        rounds, allowed = task.need(SOR).rounds, ALLOWED * math.sqrt(condition)
        print(
            f"ten hidden layers of 32, seed {seed}: κ {condition:,.0f}, 12 √κ {allowed:,.0f}, "
            f"sor {rounds:,} rounds; {'within' if rounds <= allowed else 'NOT within'}",
            flush=True,
        )


if __name__ == "__main__":
    table()
    ratios()
    deep()
