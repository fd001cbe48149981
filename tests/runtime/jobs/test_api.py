"""``sn.infer`` and ``sn.start``: initial cochains, observers, background runs, solutions."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import sheafnet as sn
from sheafnet.core.energy import discord, energy, residuals, stationarity
from sheafnet.core.pins import resolve_pins
from sheafnet.errors import InputError, ShapeError, UnknownNameError
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.random_streams import stream
from tests.support.strategies import noise

NETWORK = sn.ReluNetwork.random([2, 5, 1], seed=0)
SHEAF = NETWORK.to_sheaf()
X = np.random.default_rng(0).standard_normal((2, 4))
PINS = [sn.Pin("a0", X)]
HELD = resolve_pins(SHEAF, PINS)
ENDLESS = sn.Stop(stationarity=1e-300, max_rounds=10**9)


class Recorder(sn.Observer):
    """An observer that keeps its calls and lets a test wait for the first progress."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.moving = threading.Event()

    def started(self, problem: Problem) -> None:
        self.calls.append(problem)

    def progressed(self, progress: sn.Progress) -> None:
        self.calls.append(progress)
        self.moving.set()

    def ended(self, solution: sn.Solution) -> None:
        self.calls.append(solution)


def test_a_solution_is_computed_from_its_cochain() -> None:
    solution = sn.infer(SHEAF, PINS, stop=sn.Stop(max_rounds=3))
    apart = residuals(SHEAF, solution.cochain)
    assert solution.discord == discord(apart)
    assert solution.energy == energy(SHEAF, solution.cochain, HELD)
    for edge in SHEAF.edges:
        np.testing.assert_array_equal(solution.residuals[edge.name], apart[edge.name])
    by_vertex = stationarity(SHEAF, solution.cochain, HELD)
    assert solution.stationarity_by_vertex == by_vertex
    assert solution.stationarity == max(by_vertex.values())
    assert solution.stats.wall_time > 0.0


def test_an_observer_hears_of_start_progress_and_end() -> None:
    recorder = Recorder()
    solution = sn.infer(SHEAF, PINS, observer=recorder)
    problem, *between, end = recorder.calls
    assert isinstance(problem, Problem)
    assert end is solution
    first = between[0]
    assert isinstance(first, sn.Progress)
    # The values that the tails report at the start equal those of the assembled cochain.
    assert first.rounds == 0
    assert first.discord == pytest.approx(discord(residuals(SHEAF, problem.start)))
    assert first.stationarity == pytest.approx(stationarity(SHEAF, problem.start, HELD))
    assert first.energy == pytest.approx(energy(SHEAF, problem.start, HELD))


def test_a_run_in_the_background_reports_and_stops_and_keeps_its_cochain() -> None:
    recorder = Recorder()
    run = sn.start(SHEAF, PINS, stop=ENDLESS, observer=recorder)
    assert recorder.moving.wait(30)
    with pytest.raises(TimeoutError):
        run.result(timeout=0.0)
    progress = run.progress()
    assert progress is not None
    assert set(progress.discord) == {"weight_1", "activation_1", "weight_2"}
    run.stop()
    solution = run.result(timeout=30)
    assert solution.outcome is sn.Outcome.STOPPED
    np.testing.assert_array_equal(solution.cochain["a0"], X)
    assert recorder.calls[-1] is solution


def test_a_background_run_finds_what_infer_finds() -> None:
    run = sn.start(SHEAF, PINS, seed=3)
    assert run.result().trace_digest == sn.infer(SHEAF, PINS, seed=3).trace_digest


def test_what_an_observer_raises_ends_the_run_and_comes_out_of_result() -> None:
    class Broken(sn.Observer):
        def progressed(self, progress: sn.Progress) -> None:
            raise OSError(f"disk full at round {progress.rounds}")

    with pytest.raises(OSError, match="disk full at round 0"):
        sn.start(SHEAF, PINS, observer=Broken()).result(timeout=30)
    with pytest.raises(OSError, match="disk full at round 0"):
        sn.infer(SHEAF, PINS, observer=Broken())


def stalks_at_start(**arguments: object) -> sn.Cochain:
    recorder = Recorder()
    sn.infer(SHEAF, PINS, stop=sn.Stop(max_rounds=1), observer=recorder, **arguments)  # type: ignore[arg-type]
    problem = recorder.calls[0]
    assert isinstance(problem, Problem)
    return problem.start


def test_random_starts_have_one_stream_a_vertex() -> None:
    start = stalks_at_start(init="random", seed=5)
    np.testing.assert_array_equal(start["a0"], X)
    assert not np.array_equal(start["z1"], start["a1"])
    # A vertex of the same name and size has the same start in another network.
    other = sn.ReluNetwork.random([3, 5, 7], seed=1).to_sheaf()
    recorder = Recorder()
    sn.infer(other, [sn.Pin("a0", np.ones((3, 4)))], stop=sn.Stop(max_rounds=1), seed=5,
             observer=recorder)  # fmt: skip
    problem = recorder.calls[0]
    assert isinstance(problem, Problem)
    np.testing.assert_array_equal(problem.start["z1"], start["z1"])


def test_streams_are_kept_apart_by_purpose_names_and_seed() -> None:
    keys = [("start", "z1"), ("latency", "z1"), ("start", "z", "1"), ("start",), ("start", "")]
    draws = {stream(seed, *key).random() for seed in (0, 1) for key in keys}
    assert len(draws) == 2 * len(keys)
    assert stream(0, "start", "z1").random() == stream(0, "start", "z1").random()
    for seed in (-1, 0.5):
        with pytest.raises(InputError, match=f"seed {seed}"):
            stream(seed, "start")  # type: ignore[arg-type]


def test_the_other_starts() -> None:
    zeros = stalks_at_start(init="zeros")
    assert not zeros["z1"].any()
    np.testing.assert_array_equal(zeros["a0"], X)
    forward = stalks_at_start(init="forward")
    np.testing.assert_array_equal(forward["z2"], NETWORK.forward(X))
    given = noise(SHEAF, 4, 0)
    mine = stalks_at_start(init=given)
    np.testing.assert_array_equal(mine["z1"], given["z1"])
    np.testing.assert_array_equal(mine["a0"], X)  # the pin overrides the start
    free_only = sn.Cochain({v: given[v] for v in ("z1", "a1", "z2")})
    np.testing.assert_array_equal(stalks_at_start(init=free_only)["z1"], given["z1"])


@pytest.mark.parametrize(
    ("init", "error", "match"),
    [
        ("rnadom", InputError, "no start 'rnadom'; did you mean 'random'"),
        (sn.Cochain({"z1": np.ones((5, 4))}), UnknownNameError, "no value for a1, z2"),
        (noise(SHEAF, 3, 0), ShapeError, "pin on 'a0': 4 samples, but the run has 3"),
        (
            noise(SHEAF, 4, 0).replace({"z1": np.ones((4, 4))}),
            ShapeError,
            r"stalk 'z1': expected shape \(5, batch\), got \(4, 4\)",
        ),
    ],
)
def test_bad_starts_are_refused(init: str, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        sn.infer(SHEAF, PINS, init=init)  # type: ignore[arg-type]


def test_a_forward_start_needs_pins_that_determine_it() -> None:
    with pytest.raises(InputError, match="init 'forward': 'a0' is an input, but not all"):
        sn.infer(SHEAF, init="forward")


def test_without_pins_there_is_one_sample() -> None:
    assert sn.infer(SHEAF, stop=sn.Stop(max_rounds=1)).cochain.batch == 1
