"""Tests with a real Prometheus, which discovers runs, shows their metrics and raises alerts.

Prometheus takes up to ten seconds to act on a discovery file. All runs of this module are therefore
started together, and each waits before its first round until Prometheus has found them all.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import sheafnet as sn
from sheafnet.api import InferArguments, TrainArguments
from sheafnet.config.shipped import find_config
from sheafnet.observe.composite import CompositeObserver
from sheafnet.observe.prometheus import Metrics
from sheafnet.observe.rundir import RunDirectory
from sheafnet.runtime.cluster.cluster import WarmCluster
from sheafnet.runtime.problem import Problem
from tests.support import golden
from tests.support.placements import by_turns
from tests.support.watcher import EVERY, FOUND_WITHIN, Sample, Watcher, hastened, watching

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="needs prometheus (Debian: apt install prometheus)"
)

RULES = Path(__file__).parents[2] / "deploy" / "alerts.yml"
DIGITS = find_config("digits").parent / "data" / "digits.npz"
FASTER = 60
"""Factor by which the durations of the alert rules are shortened: minutes become seconds."""

NEVER = sn.Stop(1e-300, max_rounds=10**9)
SECONDS = 60.0
"""Longest wait for an expected event, generous enough for a busy machine."""

DEEP = golden.load("8-8-8-8-8-8-8-8-8-8-8-identity")  # relaxes for many seconds
WIDE = golden.load("64-32-32-10-softmax")
SMALL = golden.load("2-4-1-identity")
PAIR = sn.Sheaf({"u": 1, "v": 1}, [sn.Edge("e", "u", "v", sn.Identity(), sn.Identity())])


@dataclass(frozen=True)
class Plan:
    """A run, and the seconds for which its last values stay available."""

    sheaf: sn.Sheaf
    pins: list[sn.Pin]
    settings: InferArguments
    linger: float = 0.0

    def prepare(self, observer: sn.Observer) -> sn.Run:
        settings: InferArguments = {**self.settings, "observer": observer}
        return sn.prepare(self.sheaf, self.pins, **settings)

    @classmethod
    def of(cls, reference: golden.Golden, linger: float = 0.0, **settings: object) -> Plan:
        return cls(reference.sheaf, reference.pins, InferArguments(**settings), linger)  # type: ignore[typeddict-item]


@dataclass(frozen=True)
class TrainedPlan:
    """A training of a digits classifier on the cluster."""

    settings: TrainArguments
    linger: float = 0.0

    def prepare(self, observer: sn.Observer) -> sn.Training:
        with np.load(DIGITS) as data:
            x, labels = data["images"] / 16.0, data["labels"].astype(int)
            train, test = data["train"], data["test"]
        net = sn.ReluNetwork.random([64, 32, 10], seed=0, output="softmax")
        settings: TrainArguments = {
            "rounds": 10**6,
            "every": 2,
            "runtime": sn.Cluster(placement=by_turns(net.to_sheaf())),
            "observer": observer,
            "test": (x[:, test], labels[test]),
            **self.settings,
        }
        return sn.prepare_training(net, x[:, train], labels[train], **settings)


SHOWN = ("lockstep", "simulator", "cluster")
PLANS: dict[str, Plan | TrainedPlan] = {
    # Runs to query, with steps so short or a network so deep that several scrapes see the energy
    # fall.
    "lockstep": Plan.of(DEEP, stop=NEVER),
    "simulator": Plan.of(WIDE, stop=NEVER, rule=sn.Heat(dt=0.002), runtime=sn.Simulator()),
    "cluster": Plan.of(
        WIDE,
        stop=NEVER,
        rule=sn.Heat(dt=0.05),
        runtime=sn.Cluster(placement=by_turns(WIDE.sheaf)),
    ),
    # A run without a fault, which converges within seconds and whose values then stay available.
    "healthy": Plan.of(WIDE, linger=20.0, rule=sn.Heat(dt=0.1)),
    # Runs with one planted fault each: a stationarity below rounding; steps that are too short; a
    # step slightly above 2/λ = 2, with which the energy grows for seconds, and one far above it; a
    # host that hardly ever steps; a host that will be killed.
    "too exact": Plan.of(SMALL, stop=NEVER),
    "too short": Plan.of(SMALL, stop=NEVER, rule=sn.Heat(dt=1e-9)),
    "growing": Plan(
        PAIR,
        [sn.Pin("u", [[1.0]])],
        {"rule": sn.Heat(dt=2.0005), "stop": sn.Stop(max_rounds=10**9)},
    ),
    "exploding": Plan.of(SMALL, linger=3.0, rule=sn.Heat(dt=10.0)),
    "starved": Plan.of(
        WIDE, stop=NEVER, rule=sn.Heat(), runtime=sn.Simulator(slow={"layer_2": 1e4})
    ),
    "killed": Plan.of(SMALL, stop=sn.Stop(stay=True), runtime=sn.Cluster()),
    # Trainings on the cluster, one in steps and one in which stalks and maps move together.
    "relax": TrainedPlan({"rule": sn.Relax(0.1), "optimiser": sn.Adam(0.01)}),
    "joint": TrainedPlan({"rule": sn.Joint(stalks=sn.Prox("keep")), "optimiser": sn.Adam(0.002)}),
}
FAULTS = {
    "SheafnetNotConverging": ("too exact", "too short"),
    "SheafnetDiverging": ("growing", "exploding"),
    "SheafnetStarvedActor": ("starved",),
    "SheafnetHostRestarting": ("killed",),
}
"""Name of an alert → the runs that must raise it."""


class Held(sn.Observer):
    """An observer that blocks a run before its first round, in the process of the coordinator."""

    travels = True

    def __init__(self, pipe: Path) -> None:
        os.mkfifo(pipe)
        self.pipe = pipe

    def started(self, problem: Problem) -> None:  # noqa: ARG002
        """Block until the other end of the pipe is opened."""
        self.pipe.read_bytes()

    def let_go(self) -> None:
        """Let the run continue.

        Raises
        ------
        OSError
            If the run is not blocked.
        """
        os.close(os.open(self.pipe, os.O_WRONLY | os.O_NONBLOCK))


@dataclass(frozen=True)
class Begun:
    """A started run, which stops at the end of the context of ``going``."""

    run: Any  # a run or training
    directory: RunDirectory
    held: Held

    @classmethod
    def of(cls, name: str, plan: Plan | TrainedPlan, folder: Path) -> Begun:
        directory = RunDirectory(folder / name)
        held = Held(folder / f"{name}.pipe")
        metrics = Metrics(0, linger=plan.linger, targets=directory.targets, run=name)
        return cls(plan.prepare(CompositeObserver([metrics, held])), directory, held)

    @contextlib.contextmanager
    def going(self) -> Iterator[Any]:
        self.held.let_go()
        try:
            yield self.run
        finally:
            self.end()

    def end(self) -> Any:
        """Stop the run if it still goes on, and return its result."""
        with contextlib.suppress(OSError):
            self.held.let_go()
        self.run.stop()
        return self.run.result(SECONDS)


@dataclass(frozen=True)
class World:
    """A Prometheus and all runs, which it has discovered."""

    watcher: Watcher
    runs: dict[str, Begun] = field(default_factory=dict)


@pytest.fixture(scope="module")
def world(warm_cluster: WarmCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:  # noqa: ARG001
    folder = tmp_path_factory.mktemp("runs")
    rules = folder / "alerts.yml"
    rules.write_text(hastened(RULES, FASTER), encoding="utf-8")
    # Prometheus is given the discovery file in a run directory, or a pattern for the files beside
    # all run directories.
    runs = {name: Begun.of(name, PLANS[name], folder / "shown") for name in SHOWN}
    targets = [begun.directory.path / "targets.json" for begun in runs.values()]
    runs |= {name: Begun.of(name, PLANS[name], folder) for name in PLANS if name not in SHOWN}
    targets.append(folder / "*.targets.json")
    with (
        watching(folder / "prometheus", targets, rules=rules) as watcher,
        contextlib.ExitStack() as stack,
    ):
        for begun in runs.values():
            begun.run.start()
            stack.callback(begun.end)
        watcher.until("up == 1", lambda found: len(found) == len(runs), SECONDS)
        # These two runs converge while other tests run; later tests query them.
        for name in ("healthy", "killed"):
            runs[name].held.let_go()
        yield World(watcher, runs)


def directions(found: list[Sample]) -> set[tuple[str, str]]:
    """Return the edges and directions that the samples are about."""
    return {(each.labels["edge"], each.labels["direction"]) for each in found}


@pytest.mark.parametrize("name", SHOWN)
def test_queries_show_a_run_at_work_and_nothing_once_it_is_over(world: World, name: str) -> None:
    watcher, begun = world.watcher, world.runs[name]
    sheaf, mine = begun.run.problem.sheaf, f'{{run="{name}"}}'
    edges = {edge.name for edge in sheaf.edges}
    free = set(sheaf.vertices) - {"a0"}
    with begun.going():
        discord = f"sheafnet_edge_discord{mine}"

        def all_of_them(found: list[Sample]) -> bool:
            return {each.labels["edge"] for each in found} == edges

        def halved(found: list[Sample]) -> bool:
            return all_of_them(found) and all(
                each.value < first[each.labels["edge"]] / 2 for each in found
            )

        found = watcher.until(discord, all_of_them, SECONDS)
        first = {each.labels["edge"]: each.value for each in found}
        watcher.until(discord, halved, SECONDS)
        # In an asynchronous run the discord of an edge may rise for a moment: only the trend falls.
        watcher.until(f"deriv({discord}[1h]) < 0", all_of_them, SECONDS)
        updating = watcher.by("vertex", f"rate(sheafnet_vertex_updates_total{mine}[5s]) > 0")
        delivered = watcher.query(f"sheafnet_messages_total{mine} > 0")
        ways = {(edge, way) for edge in edges for way in ("forward", "backward")}

        def all_but_the_pinned(found: list[Sample]) -> bool:
            # A pinned stalk never changes, so it sends one message only.
            return directions(found) == ways - {("weight_1", "forward")}

        hearing = f"rate(sheafnet_messages_total{mine}[5s]) > 0"
        watcher.until(hearing, all_but_the_pinned, SECONDS)
    assert set(updating) == free
    assert directions(delivered) == ways
    assert begun.end().outcome is sn.Outcome.STOPPED
    assert not any(path.exists() for path in begun.directory.targets)
    ours = f'{{__name__=~"sheafnet_.*",run="{name}"}}'
    watcher.until(ours, lambda found: not found, SECONDS)


@pytest.mark.parametrize("name", ["relax", "joint"])
def test_what_the_cluster_learns_is_seen(world: World, name: str) -> None:
    watcher, begun = world.watcher, world.runs[name]
    maps, mine = {"weight_1", "weight_2"}, f'{{run="{name}"}}'
    edges = maps | {"activation_1", "output"}
    with begun.going():
        loss = f"sheafnet_training_loss{mine}"
        found = watcher.until(loss, lambda found: len(found) == 2, SECONDS)
        assert {each.labels["split"] for each in found} == {"train", "test"}
        first = watcher.by("split", loss)
        watcher.until(f"{loss} < {first['train'] / 2}", lambda found: len(found) == 2, SECONDS)
        falling = f"deriv(sheafnet_edge_discord{mine}[1h]) < 0"
        found = watcher.until(falling, lambda found: len(found) == len(edges), SECONDS)
        assert {each.labels["edge"] for each in found} == edges
        inactive = watcher.query(f"sheafnet_inactive_units{mine}")
        assert [each.labels["layer"] for each in inactive] == ["1"]
        if name == "relax":
            assert watcher.by("edge", f"sheafnet_map_update_norm{mine} > 0").keys() >= maps
            assert watcher.by("edge", f"sheafnet_edge_tension{mine} > 0").keys() >= maps
        assert watcher.query(f"sheafnet_stationarity{mine}") == []
    begun.end()
    assert world.watcher.alerts.about(name) == []


def test_every_alert_has_a_planted_fault() -> None:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    assert {rule["alert"] for group in groups for rule in group["rules"]} == set(FAULTS)


def test_a_run_that_gets_no_closer_is_not_converging(world: World) -> None:
    with contextlib.ExitStack() as stack:
        for name in FAULTS["SheafnetNotConverging"]:
            stack.enter_context(world.runs[name].going())
        for name in FAULTS["SheafnetNotConverging"]:
            alert = world.watcher.alerts.wait("SheafnetNotConverging", name, SECONDS)
            assert alert.annotations["summary"].startswith(f"{name} is not getting closer")
            assert " at vertex " in alert.annotations["description"]


def test_a_run_whose_energy_grows_is_diverging_before_it_is_given_up(world: World) -> None:
    with world.runs["growing"].going() as run:
        alert = world.watcher.alerts.wait("SheafnetDiverging", "growing", SECONDS)
        solution = run.result(SECONDS)
    assert solution.outcome is sn.Outcome.DIVERGED
    assert alert.labels["severity"] == "critical"


def test_a_run_that_explodes_at_once_is_seen_diverging_while_it_lingers(world: World) -> None:
    with world.runs["exploding"].going() as run:
        world.watcher.alerts.wait("SheafnetDiverging", "exploding", SECONDS)
        assert run.result(SECONDS).outcome is sn.Outcome.DIVERGED


def test_a_vertex_that_hardly_gets_a_turn_is_starved(world: World) -> None:
    with world.runs["starved"].going():
        alert = world.watcher.alerts.wait("SheafnetStarvedActor", "starved", SECONDS)
    about = world.watcher.alerts.about("starved", "SheafnetStarvedActor")
    assert {each.labels["vertex"] for each in about} <= {"z2", "a2"}
    assert alert.annotations["summary"].startswith("starved: vertex ")


def test_a_host_that_is_killed_is_restarting(world: World) -> None:
    killed = world.runs["killed"]
    settled = killed.run.settle(SECONDS)
    assert settled.outcome is sn.Outcome.CONVERGED
    os.kill(settled.processes["layer_1"].pid, signal.SIGKILL)
    alert = world.watcher.alerts.wait("SheafnetHostRestarting", "killed", SECONDS)
    about = world.watcher.alerts.about("killed", "SheafnetHostRestarting")
    assert {each.labels["host"] for each in about} == {"layer_1"}
    assert alert.annotations["description"].startswith("1 time(s)")
    assert [each.host for each in killed.end().recoveries] == ["layer_1"]


def test_a_healthy_run_that_converges_and_lingers_raises_nothing(world: World) -> None:
    solution = world.runs["healthy"].run.result(SECONDS)
    assert solution.outcome is sn.Outcome.CONVERGED
    # Prometheus saw the run before and after convergence, for longer than any window of the rules.
    mine = '{run="healthy"}'
    (turns,) = world.watcher.query(f"changes(sheafnet_converged{mine}[1h])")
    (moves,) = world.watcher.query(f"changes(sheafnet_energy{mine}[1h])")
    (stays,) = world.watcher.query(f"sum_over_time(sheafnet_converged{mine}[1h])")
    assert turns.value == 1
    assert moves.value >= 4
    assert stays.value * EVERY >= 10.0
    assert world.watcher.query('max_over_time(ALERTS{run="healthy",alertstate="firing"}[1h])') == []
    assert world.watcher.alerts.about("healthy") == []


def test_runs_that_are_over_are_forgotten(world: World) -> None:
    for begun in world.runs.values():
        begun.end()
    world.watcher.until('{run!=""}', lambda found: not found, FOUND_WITHIN)
    assert world.watcher.own("prometheus_rule_evaluation_failures_total") == 0.0
