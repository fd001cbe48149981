"""The contract of a runtime: tests that run on every runtime."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
import pytest

import sheafnet as sn
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.messages import Key
from sheafnet.dynamics.program import Program, Step
from sheafnet.dynamics.star import Star
from sheafnet.errors import RuleError, RunEndedError, ShapeError, UnknownNameError
from sheafnet.runtime.cluster.cluster import WarmCluster
from sheafnet.runtime.interface import RunHooks, Runtime
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.run_record import Record
from tests.support import golden
from tests.support.placements import by_turns
from tests.support.sheaves import PoisonedGate, chorded_cycle, grid

HOSTILE = {"latency": sn.Uniform(0.0, 8.0), "loss": 0.3, "seed": 5}
RUNTIMES: dict[str, Runtime] = {
    "lockstep": sn.Lockstep(),
    "alternating": sn.Lockstep("alternating"),
    "simulator": sn.Simulator(),
    "hostile by layer": sn.Simulator(**HOSTILE),  # type: ignore[arg-type]
    "hostile by vertex": sn.Simulator(placement="by-vertex", window=1, **HOSTILE),  # type: ignore[arg-type]
}


@dataclass(frozen=True)
class Suspicious(sn.Heat):
    """Heat whose vertices check that no message in their inbox is replaced by an older one."""

    def start(self, star: Star) -> Program:
        program = super().start(star)
        return program if star.pinned else Objecting(program)


class Objecting(Program):
    """A program that compares the stamps of its inbox with those of the step before."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._stamps: dict[Key, tuple[int, int]] = {}

    def ready(self, star: Star, inbox: Inbox) -> bool:
        return self._program.ready(star, inbox)

    def step(self, star: Star, inbox: Inbox) -> Step:
        stamps = {key: entry[:2] for key, entry in inbox.entries.items()}
        assert all(stamps[key] >= stamp for key, stamp in self._stamps.items())
        assert set(stamps) == set(star.latest_keys)
        self._stamps = stamps
        return self._program.step(star, inbox)


class Choosy(sn.Heat):
    """Heat that refuses to start at a1."""

    def start(self, star: Star) -> Program:
        if star.name == "a1":
            raise RuleError(f"choosy: not at {star.name!r}")
        return super().start(star)


@dataclass(frozen=True)
class TwoProcesses:
    """A cluster of two processes, kept between runs, with neighbours in different ones."""

    warm: WarmCluster

    def run(self, problem: Problem, hooks: RunHooks) -> Record:
        placed = replace(self.warm, cluster=sn.Cluster(placement=by_turns(problem.sheaf)))
        return placed.run(problem, hooks)


@pytest.fixture(params=[*RUNTIMES, "cluster"])
def runtime(request: pytest.FixtureRequest) -> Runtime:
    if request.param == "cluster":
        return TwoProcesses(request.getfixturevalue("warm_cluster"))
    return RUNTIMES[request.param]


def apart(ours: sn.Cochain, theirs: sn.Cochain) -> float:
    return max(float(np.abs(ours[v] - theirs[v]).max()) for v in ours)


@pytest.mark.parametrize("name", ["2-4-1-identity", "2-25-1-sigmoid"])
@pytest.mark.parametrize("rule", ["prox", "sor", "heat"])
def test_the_forward_pass_is_reached(runtime: Runtime, rule: str, name: str) -> None:
    reference = golden.load(name)
    solution = sn.infer(reference.sheaf, reference.pins, rule=rule, runtime=runtime)
    assert solution.outcome is sn.Outcome.CONVERGED
    assert solution.stationarity <= 1e-9
    assert apart(solution.cochain, reference.cochain("")) <= 1e-6
    np.testing.assert_array_equal(solution.cochain["a0"], reference.arrays["x"])


@pytest.mark.parametrize("rule", ["prox", "sor"])
def test_pins_anywhere_are_obeyed_until_all_is_stationary(runtime: Runtime, rule: str) -> None:
    """Kinks do not prevent convergence where both ends and an inner unit are held."""
    reference = golden.load("2-6-4-4-1-identity")
    output = reference.network.output_vertex
    wanted = reference.cochain("")[output] + 1.0
    pins = [
        *reference.pins,
        sn.Pin(output, wanted),
        sn.Pin("a1", 0.25, coords=[2]),
        sn.Pin("z2", [1.0, -1.0], coords=[0, 3], strength=0.5),
    ]
    stop = sn.Stop(1e-7, max_rounds=10**6)
    solution = sn.infer(
        reference.sheaf, pins, rule=rule, runtime=runtime, init="forward", stop=stop
    )
    assert solution.outcome is sn.Outcome.CONVERGED
    assert solution.stationarity <= 1e-7
    np.testing.assert_array_equal(solution.cochain[output], wanted)
    assert set(solution.cochain["a1"][2]) == {0.25}
    assert solution.pin_discord["pin_z2_0"] > 0.0
    for sender, receiver in solution.ledger:
        assert receiver in reference.sheaf.graph.neighbours(sender)


def test_active_set_solves_with_both_ends_pinned(runtime: Runtime) -> None:
    reference = golden.load("2-6-4-4-1-identity")
    output = reference.network.output_vertex
    pins = [*reference.pins, sn.Pin(output, reference.cochain("")[output] + 1.0)]
    solution = sn.infer(
        reference.sheaf,
        pins,
        rule="active-set",
        init="forward",
        runtime=runtime,
        stop=sn.Stop(1e-11),
    )
    assert solution.outcome is sn.Outcome.CONVERGED
    assert solution.stationarity <= 1e-11
    assert solution.ledger.keys() <= {
        (v, n) for v in reference.sheaf.vertices for n in reference.sheaf.graph.neighbours(v)
    }


@pytest.mark.parametrize(
    ("rule", "batch_size", "batches_in_flight"),
    [(sn.Nudged(), None, 1), (sn.Relax(sweeps=2), None, 1), (sn.Relax(), 64, 3)],
    ids=["nudged", "relax", "relax-batches"],
)
def test_maps_take_the_steps_of_lockstep(
    runtime: Runtime, rule: sn.Rule, batch_size: int | None, batches_in_flight: int
) -> None:
    task = golden.load_task("blobs")

    def fit(where: Runtime) -> sn.Fit:
        return sn.train(
            task.network, *task.train, rule=rule, optimiser=sn.Adam(0.05), rounds=16,
            batch_size=batch_size, batches_in_flight=batches_in_flight, every=2, test=task.test,
            runtime=where,
        )  # fmt: skip

    here, there = fit(sn.Lockstep()), fit(runtime)
    assert there.diverged is None
    assert [it.step for it in there.history] == [it.step for it in here.history]
    for one, other in zip(there.history, here.history, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, rel=1e-9)
        assert one.tension == pytest.approx(other.tension, rel=1e-9)
    for ours, theirs in zip(there.network.weights, here.network.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
    graph = task.network.to_sheaf().graph
    assert all(receiver in graph.neighbours(sender) for sender, receiver in there.record.ledger)


def test_joint_learns_while_it_runs_freely(runtime: Runtime) -> None:
    task = golden.load_task("circular")
    fit = sn.train(
        task.network, *task.train, rule=sn.Joint(stalks=sn.Prox("keep")), optimiser=sn.Adam(0.01),
        rounds=120, every=40, runtime=runtime,
    )  # fmt: skip
    assert fit.history[-1].train_loss < 0.5 * fit.history[0].train_loss
    assert fit.history[-1].discord.keys() == {e.name for e in task.network.to_sheaf().edges}


@pytest.mark.parametrize("name", ["2-4-1-identity", "64-32-32-10-softmax"])
def test_coboundary_reaches_the_forward_pass(runtime: Runtime, name: str) -> None:
    reference = golden.load(name)
    solution = sn.infer(reference.sheaf, reference.pins, rule="coboundary", runtime=runtime)
    assert solution.outcome is sn.Outcome.CONVERGED
    assert apart(solution.cochain, reference.cochain("")) <= 1e-12


@pytest.mark.parametrize("kind", ["grid", "cycle"])
def test_general_sheaves_reach_their_harmonic_extension(runtime: Runtime, kind: str) -> None:
    sheaf = grid(4) if kind == "grid" else chorded_cycle(1)
    corners = ("v0_0", "v0_3", "v3_0", "v3_3") if kind == "grid" else ("v0", "v3", "v5", "v7")
    rng = np.random.default_rng(0)
    pins = [sn.Pin(v, rng.standard_normal((sheaf.stalk_dim(v), 2))) for v in corners]
    stop = sn.Stop(1e-10, max_rounds=10**6)
    solution = sn.infer(sheaf, pins, runtime=runtime, stop=stop)
    assert solution.outcome is sn.Outcome.CONVERGED
    assert apart(solution.cochain, sn.harmonic_extension(sheaf, pins)) <= 1e-6


def test_with_nothing_pinned_a_consensus_is_reached(runtime: Runtime) -> None:
    solution = sn.infer(grid(3), runtime=runtime)
    stalks = list(solution.cochain.values())
    assert solution.outcome is sn.Outcome.CONVERGED
    for stalk in stalks[1:]:
        np.testing.assert_allclose(stalk, stalks[0], atol=1e-7)


def test_the_ledger_holds_neighbours_only(runtime: Runtime) -> None:
    sheaf = golden.load("64-32-32-10-softmax").sheaf
    solution = sn.infer(sheaf, runtime=runtime, stop=sn.Stop(max_rounds=20))
    assert solution.ledger
    for sender, receiver in solution.ledger:
        assert receiver in sheaf.graph.neighbours(sender)
    assert sum(solution.ledger.values()) == solution.stats.messages


def test_what_an_inbox_keeps_only_grows_newer(runtime: Runtime) -> None:
    reference = golden.load("2-4-1-identity")
    solution = sn.infer(reference.sheaf, reference.pins, rule=Suspicious(), runtime=runtime)
    assert solution.outcome is sn.Outcome.CONVERGED


def test_a_start_that_is_stationary_stays(runtime: Runtime) -> None:
    reference = golden.load("2-6-4-4-1-identity")
    solution = sn.infer(reference.sheaf, reference.pins, init="forward", runtime=runtime)
    assert solution.outcome is sn.Outcome.CONVERGED
    assert solution.energy == 0.0


def test_a_sheaf_of_pins_alone_converges(runtime: Runtime) -> None:
    pair = sn.Sheaf({"u": 1, "v": 1}, [sn.Edge("e", "u", "v", sn.Identity(), sn.Identity())])
    solution = sn.infer(pair, [sn.Pin("u", [[1.0]]), sn.Pin("v", [[3.0]])], runtime=runtime)
    assert solution.outcome is sn.Outcome.CONVERGED
    assert solution.discord == {"e": 4.0}


def test_a_vertex_without_neighbours_goes_where_its_pin_pulls(runtime: Runtime) -> None:
    alone = sn.Sheaf({"u": 1, "v": 2}, [])
    pins = [sn.Pin("u", [[1.0]]), sn.Pin("v", [2.0, -3.0], strength=0.5)]
    solution = sn.infer(alone, pins, runtime=runtime, seed=1)
    assert solution.outcome is sn.Outcome.CONVERGED
    np.testing.assert_allclose(solution.cochain["v"], [[2.0], [-3.0]], atol=1e-8)


@pytest.mark.parametrize("stop", [sn.Stop(max_rounds=30), sn.Stop(max_time=0.5)])
def test_the_budget_ends_a_run(runtime: Runtime, stop: sn.Stop) -> None:
    reference = golden.load("2-6-4-4-1-identity")
    solution = sn.infer(reference.sheaf, reference.pins, runtime=runtime, stop=stop)
    assert solution.outcome is sn.Outcome.BUDGET_EXHAUSTED
    assert set(solution.cochain) == set(reference.sheaf.vertices)
    assert solution.stationarity > 1e-9


def test_a_run_stops_on_request_with_what_it_had(runtime: Runtime) -> None:
    reference = golden.load("2-6-4-4-1-identity")

    class Impatient(sn.Observer):
        def progressed(self, progress: sn.Progress) -> None:
            assert progress.energy >= 0.0
            assert set(progress.stationarity) == set(reference.sheaf.vertices)
            run.stop()

    run = sn.prepare(reference.sheaf, reference.pins, runtime=runtime, observer=Impatient())
    solution = run.execute()
    assert solution.outcome is sn.Outcome.STOPPED
    np.testing.assert_array_equal(solution.cochain["a0"], reference.arrays["x"])


def test_divergence_names_a_vertex_and_keeps_a_finite_cochain(runtime: Runtime) -> None:
    reference = golden.load("2-4-1-identity")
    solution = sn.infer(reference.sheaf, reference.pins, rule=sn.Heat(dt=10.0), runtime=runtime)
    assert solution.outcome is sn.Outcome.DIVERGED
    assert "the force on '" in solution.message
    assert "lower dt" in solution.message
    assert all(np.isfinite(stalk).all() for stalk in solution.cochain.values())


def test_a_map_that_gives_nan_is_caught_where_it_happens(runtime: Runtime) -> None:
    same = sn.Identity()
    sheaf = sn.Sheaf(
        {"u": 1, "v": 1, "w": 1},
        [sn.Edge("e", "u", "v", same, same), sn.Edge("f", "v", "w", PoisonedGate(), same)],
    )
    start = sn.Cochain({"u": [[50.0]], "v": [[0.0]], "w": [[0.0]]})
    solution = sn.infer(sheaf, [sn.Pin("u", [[50.0]])], init=start, runtime=runtime)
    assert solution.outcome is sn.Outcome.DIVERGED
    # On several processes the neighbour may be the first to report the NaN.
    assert re.search(r"the force on '[vw]' reached nan", solution.message)


def test_a_rule_that_cannot_begin_at_a_vertex_says_so(runtime: Runtime) -> None:
    reference = golden.load("2-4-1-identity")
    with pytest.raises(RuleError, match="not at 'a1'"):
        sn.infer(reference.sheaf, reference.pins, rule=Choosy(), runtime=runtime)


def test_float32_runs_in_float32(runtime: Runtime) -> None:
    network = golden.load("2-4-1-identity").network.astype(np.float32)
    solution = sn.infer(network.to_sheaf(), [sn.Pin("a0", np.ones((2, 3)))], runtime=runtime)
    assert solution.outcome is sn.Outcome.CONVERGED
    assert {x.dtype for x in solution.cochain.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", RUNTIMES)
def test_the_same_seed_gives_the_same_digest_and_bits(name: str) -> None:
    """Reproducibility, on the runtimes that promise it; a cluster does not."""
    runtime = RUNTIMES[name]
    reference = golden.load("2-4-1-identity")
    first, again, other = (
        sn.infer(reference.sheaf, reference.pins, runtime=runtime, seed=s) for s in (1, 1, 2)
    )
    assert first.trace_digest == again.trace_digest != other.trace_digest
    for vertex in reference.sheaf.vertices:
        np.testing.assert_array_equal(first.cochain[vertex], again.cochain[vertex])
    assert apart(first.cochain, other.cochain) <= 1e-6


def test_pins_can_be_changed_while_a_run_goes_on(runtime: Runtime) -> None:
    """The stalks reach each new fixed point as the output is pinned, the input moved and reset."""
    reference = golden.load("2-4-1-identity")
    sheaf, network = reference.sheaf, reference.network
    x, output = reference.arrays["x"], network.output_vertex
    forward = network.forward_cochain(x)
    wanted = forward[output] + 0.5
    run = sn.start(sheaf, [sn.Pin("a0", x)], runtime=runtime, stop=sn.Stop(1e-8, stay=True))
    try:
        assert apart(run.settle(60).cochain, forward) <= 1e-6
        run.set_pins([sn.Pin("a0", x), sn.Pin(output, wanted)])
        held = run.settle(60)
        assert held.outcome is sn.Outcome.CONVERGED
        assert held.stationarity_by_vertex[output] == 0.0
        np.testing.assert_array_equal(held.cochain[output], wanted)
        assert held.energy > 1e-3
        assert held.stationarity <= 1e-8
        run.set_pins([sn.Pin("a0", x + 0.1)])
        assert apart(run.settle(60).cochain, network.forward_cochain(x + 0.1)) <= 1e-6
        run.set_pins([sn.Pin("a0", x)])
        assert apart(run.settle(60).cochain, forward) <= 1e-6
    finally:
        run.stop()
    solution = run.result(60)
    assert solution.outcome is sn.Outcome.CONVERGED
    assert apart(solution.cochain, forward) <= 1e-6


def test_a_pin_that_does_not_fit_changes_nothing(runtime: Runtime) -> None:
    reference = golden.load("2-4-1-identity")
    run = sn.start(
        reference.sheaf, reference.pins, rule="coboundary", runtime=runtime, stop=sn.Stop(stay=True)
    )
    try:
        with pytest.raises(UnknownNameError, match="'z9'"):
            run.set_pins([sn.Pin("z9", [[1.0]])])
        with pytest.raises(ShapeError, match="1 samples, but the run has"):
            run.set_pins([sn.Pin("a0", [[1.0], [1.0]])])
        with pytest.raises(RuleError, match="coboundary"):
            run.set_pins([*reference.pins, sn.Pin("z1", np.zeros_like(reference.arrays["z1"]))])
        assert apart(run.settle(60).cochain, reference.cochain("")) <= 1e-12
    finally:
        run.stop()
    run.result(60)
    with pytest.raises(RunEndedError, match="the run is over"):
        run.set_pins(reference.pins)
