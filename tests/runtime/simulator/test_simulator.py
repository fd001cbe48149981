"""The simulator: determinism, silence, hostile networks, planted bugs, settings."""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sheafnet as sn
from sheafnet.core.energy import stationarity
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.messages import Message
from sheafnet.errors import InputError, UnknownNameError
from sheafnet.runtime.hosts.coordinator import Coordinator, Phase
from sheafnet.runtime.hosts.outbox import Outbox
from sheafnet.runtime.interface import RunHooks
from sheafnet.runtime.simulator.kernel import Kernel, Priority
from tests.campaigns.asynchrony import play
from tests.campaigns.pinned_asynchrony import Case
from tests.support import golden
from tests.support.compiled import interpreted_only
from tests.support.scenario import FailedError
from tests.support.sheaves import grid

ROOT = Path(__file__).parents[3]
SEEDS_IN_SUITE = 20
SMALL = golden.load("2-4-1-identity")
HOSTILE = sn.Simulator(seed=3, latency=sn.Uniform(0.0, 9.0), loss=0.3)


@pytest.mark.slow
def test_twenty_hostile_networks_end_converged_right_and_silent() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.campaigns.asynchrony", "0", str(SEEDS_IN_SUITE)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{SEEDS_IN_SUITE} passed, 0 failed" in done.stdout


@pytest.mark.slow
def test_digest_and_bits_do_not_depend_on_process_or_hash_seed() -> None:
    script = (
        "import sheafnet as sn\n"
        "from tests.runtime.simulator.test_simulator import HOSTILE, SMALL\n"
        "sol = sn.infer(SMALL.sheaf, SMALL.pins, runtime=HOSTILE)\n"
        "print(sol.trace_digest, sol.cochain['z1'].tobytes().hex())"
    )
    here = sn.infer(SMALL.sheaf, SMALL.pins, runtime=HOSTILE)
    expected = f"{here.trace_digest} {here.cochain['z1'].tobytes().hex()}"
    for hash_seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
        )
        assert done.stdout.strip() == expected


def test_another_seed_has_another_trace_and_the_same_answer() -> None:
    solutions = [
        sn.infer(SMALL.sheaf, SMALL.pins, runtime=sn.Simulator(seed=seed, loss=0.3))
        for seed in (1, 2)
    ]
    assert solutions[0].trace_digest != solutions[1].trace_digest
    for vertex in SMALL.sheaf.vertices:
        ours, theirs = (solution.cochain[vertex] for solution in solutions)
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_the_trace_has_every_event_and_hashes_alike_whether_kept_or_not() -> None:
    lines: list[str] = []
    kept = sn.Simulator(seed=3, loss=0.3, trace=lines.append)
    solution = sn.infer(SMALL.sheaf, SMALL.pins, runtime=kept)
    bare = sn.infer(SMALL.sheaf, SMALL.pins, runtime=sn.Simulator(seed=3, loss=0.3))
    assert solution.trace_digest == bare.trace_digest
    sends = [line for line in lines if " send " in line]
    assert len(sends) == solution.stats.frames
    lost = sum(line.endswith(" lost") for line in sends) / len(sends)
    assert lost == pytest.approx(0.3, abs=0.1)
    times = [float(line.split()[0]) for line in lines]
    assert times == sorted(times)


def test_stats_count_what_the_wire_carried() -> None:
    solution = sn.infer(SMALL.sheaf, SMALL.pins, runtime=HOSTILE)
    stats = solution.stats
    assert stats.frames > 0
    assert stats.bytes > 40 * stats.frames
    assert stats.virtual_time > 0.0
    assert stats.max_staleness > 0
    assert stats.rounds == stats.messages // (2 * len(SMALL.sheaf.edges))


def test_coboundary_under_loss_ends_at_the_forward_pass() -> None:
    for name in golden.NAMES:
        reference = golden.load(name)
        runtime = sn.Simulator(seed=1, latency=sn.Exponential(2.0), loss=0.3)
        solution = sn.infer(reference.sheaf, reference.pins, rule="coboundary", runtime=runtime)
        assert solution.outcome is sn.Outcome.CONVERGED
        forward = reference.cochain("")
        for vertex in forward:
            np.testing.assert_allclose(solution.cochain[vertex], forward[vertex], atol=1e-12)


def test_restarted_hosts_lose_their_stalks_and_are_sent_all_again() -> None:
    restarts = tuple(sn.Restart(f"layer_{n}", at=50.0 * (n + 1), down=20.0) for n in range(3))
    lines: list[str] = []
    runtime = sn.Simulator(seed=1, loss=0.2, restarts=restarts, trace=lines.append)
    solution = sn.infer(SMALL.sheaf, SMALL.pins, runtime=runtime)
    assert solution.outcome is sn.Outcome.CONVERGED
    assert sum(" crash " in line for line in lines) == 3
    assert sum(" start " in line for line in lines) == 3
    np.testing.assert_allclose(solution.cochain["z2"], SMALL.arrays["output"], atol=1e-6)


def test_an_idle_host_has_its_timer_set_for_no_later_than_it_is_due() -> None:
    """A message from a peer that was silent brings the timer forward."""
    simulator = sn.Simulator(
        seed=1, latency=sn.Exponential(3.0), loss=0.3, window=2,
        partitions=(sn.Partition(("layer_1",), start=30.0, end=400.0),),
        restarts=(sn.Restart("layer_2", at=500.0, down=50.0),),
    )  # fmt: skip
    simulation = simulator.simulation(sn.prepare(SMALL.sheaf, SMALL.pins).problem)
    brought_forward = 0
    for _ in range(5_000):
        before = dict(simulation.timers)
        if not simulation.kernel.advance():
            break
        for host in simulation.hosts.values():
            set_for = simulation.timers.get(host, math.inf)
            brought_forward += set_for < before.get(host, 0.0)
            if host not in simulation.scheduled:
                assert set_for <= (math.inf if host.due is None else host.due)
    assert brought_forward


@pytest.mark.slow
def test_a_network_that_loses_two_frames_in_five_is_not_left_unused() -> None:
    """A frame and its acknowledgement both arrive about one time in three."""

    def takes(loss: float) -> float:
        runtime = sn.Simulator(seed=1, loss=loss, placement="by-vertex", window=1)
        corners = ("v0_0", "v0_4", "v4_0", "v4_4")
        pins = [sn.Pin(v, np.full((2, 1), float(n))) for n, v in enumerate(corners)]
        solution = sn.infer(grid(5), pins, runtime=runtime, stop=sn.Stop(1e-6, 10**6))
        assert solution.outcome is sn.Outcome.CONVERGED
        return solution.stats.virtual_time

    assert takes(loss=0.4) < 8.0 * takes(loss=0.0)


@pytest.mark.parametrize("window", [1, 4])
@pytest.mark.parametrize("bandwidth", [0.5, 1.0])
def test_a_link_that_takes_very_long_for_a_frame_is_learnt(bandwidth: float, window: int) -> None:
    runtime = sn.Simulator(seed=1, bandwidth=bandwidth, window=window)
    solution = sn.infer(
        SMALL.sheaf, SMALL.pins, runtime=runtime, stop=sn.Stop(max_time=5e5), seed=1
    )
    assert solution.outcome is sn.Outcome.CONVERGED
    assert solution.stats.frames < 2000


def test_after_a_pause_the_network_is_as_fast_as_before() -> None:
    def goes_on_for(pauses: tuple[sn.Pause, ...]) -> float:
        took = []
        for seed in range(5):
            runtime = sn.Simulator(seed=seed, loss=0.3, window=1, pauses=pauses)
            solution = sn.infer(SMALL.sheaf, SMALL.pins, runtime=runtime, seed=seed)
            assert solution.outcome is sn.Outcome.CONVERGED
            took.append(solution.stats.virtual_time - 1000.0 * len(pauses))
        return statistics.median(took)

    assert goes_on_for((sn.Pause("layer_1", at=50.0, lasts=1000.0),)) < 4.0 * goes_on_for(())


def test_a_coordinator_waits_for_a_host_that_is_down() -> None:
    restart = sn.Restart("layer_1", at=1.0, down=3000.0)
    solution = sn.infer(SMALL.sheaf, SMALL.pins, runtime=sn.Simulator(restarts=(restart,)))
    assert solution.outcome is sn.Outcome.CONVERGED
    assert solution.stats.virtual_time > 3000.0


def test_after_a_failed_check_everyone_is_woken_and_the_run_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verdicts = iter([{"z1": 1.0}])

    def first_fails(*arguments: Any) -> dict[str, float]:
        return next(verdicts, None) or stationarity(*arguments)

    monkeypatch.setattr("sheafnet.runtime.hosts.coordinator.stationarity", first_fails)
    run = sn.prepare(SMALL.sheaf, SMALL.pins)
    simulation = HOSTILE.simulation(run.problem)
    record = simulation.run(RunHooks())
    assert simulation.coordinator.failed_checks == 1
    assert record.outcome is sn.Outcome.CONVERGED
    # After that, all vertices acted on forces ten times smaller.
    forces = stationarity(SMALL.sheaf, record.cochain, run.problem.pins)
    thresholds = {
        v.star.send_threshold
        for host in simulation.hosts.values()
        for v in host.group.vertices.values()
    }
    assert list(thresholds) == [pytest.approx(0.1 * 0.05 * 1e-9)]
    assert max(forces.values()) <= 0.05 * 1e-9


# Planted bugs. The scenarios must catch each of them; a test stops at the first seed that does.


def older_accepted(patch: pytest.MonkeyPatch) -> None:
    def accept(self: Inbox, message: Message, incarnation: int = 0) -> bool:
        self.entries.pop(message.key, None)
        return original(self, message, incarnation)

    original = Inbox.accept
    patch.setattr(Inbox, "accept", accept)


def resend_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Outbox, "expire", lambda *_: None)


def lost_counted_as_delivered(patch: pytest.MonkeyPatch) -> None:
    take = Outbox.take

    def settle(self: Outbox, now: float) -> tuple[int, tuple[Message, ...]]:
        number, carried = take(self, now)
        self.acknowledge([number], now)
        return number, carried

    patch.setattr(Outbox, "take", settle)


def one_wave(patch: pytest.MonkeyPatch) -> None:
    def none(self: Coordinator) -> dict[str, tuple[int, int, int]]:
        del self
        return {}

    patch.setattr(Coordinator, "traffic", none)
    patch.setattr(Coordinator, "all_stationary", _once(Coordinator.all_stationary))
    patch.setattr(Coordinator, "all_idle", _once(Coordinator.all_idle))


def _once(holds: Callable[[Coordinator], bool]) -> Callable[[Coordinator], bool]:
    """Return a version of ``holds`` that always passes in the second wave, which confirms."""
    return lambda self: self.phase is Phase.CONFIRMING or holds(self)


def restarted_not_announced(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Outbox, "peer_restarted", lambda *_: None)


@interpreted_only
@pytest.mark.parametrize(
    ("plant", "first"),
    [
        (older_accepted, 0),
        (resend_forgotten, 0),
        (lost_counted_as_delivered, 0),
        pytest.param(one_wave, 55, marks=pytest.mark.slow),
        (restarted_not_announced, 81),
    ],
)
def test_planted_bugs_are_caught(
    plant: Callable[[pytest.MonkeyPatch], None], first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # ``first`` is a seed that has caught the bug: it is tried before the other 199.
    monkeypatch.setattr("tests.support.scenario.PATIENCE", 500)
    plant(monkeypatch)
    with pytest.raises(FailedError):  # noqa: PT012 - any of the seeds
        for seed in range(200):
            play((first + seed) % 200)


def test_the_kernel_keeps_time_priority_and_order() -> None:
    kernel = Kernel()
    happened: list[str] = []
    kernel.at(2.0, Priority.STEP, happened.append, ("late",))
    kernel.at(1.0, Priority.STEP, happened.append, ("step",))
    kernel.at(1.0, Priority.ARRIVAL, happened.append, ("first arrival",))
    kernel.at(1.0, Priority.ARRIVAL, happened.append, ("second arrival",))
    while kernel.advance():
        pass
    assert happened == ["first arrival", "second arrival", "step", "late"]
    assert (kernel.now, kernel.events) == (2.0, 4)
    kernel.at(0.5, Priority.FAULT, happened.append, ("past",))
    kernel.advance()
    assert kernel.now == 2.0


@pytest.mark.parametrize("law", [sn.Constant(3.0), sn.Uniform(1.0, 5.0), sn.Exponential(3.0)])
def test_laws_of_latency_have_the_mean_that_they_say(law: sn.Latency) -> None:
    draws = law.draw(np.random.default_rng(0), 100_000)
    assert law.expected() == 3.0
    assert draws.mean() == pytest.approx(3.0, rel=0.02)
    assert draws.min() >= 0.0


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: sn.Simulator(loss=1.0), "loss must be at least 0 and below 1"),
        (lambda: sn.Simulator(seed=-1), "seed must be 0 or more"),
        (lambda: sn.Simulator(compute=0.0), "compute must be positive"),
        (lambda: sn.Simulator(slow={"layer_1": 0.0}), "factors of slow hosts must be positive"),
        (lambda: sn.Simulator(window=0), "window must be at least 1"),
        (lambda: sn.Simulator(report_interval=0.0), "report_interval must be positive"),
        (lambda: sn.Simulator(restarts=(sn.Restart("z", -1.0),)), "restarts must be at 0"),
        (lambda: sn.Simulator(restarts=(sn.Restart("z", 1.0, math.inf),)), "last a finite time"),
        (lambda: sn.Constant(-1.0), "time must be finite and not negative"),
        (lambda: sn.Uniform(2.0, 1.0), "0 ≤ low ≤ high must hold"),
        (lambda: sn.Exponential(float("nan")), "mean must be finite and not negative"),
    ],
)
def test_settings_out_of_range_are_refused(make: Callable[[], object], match: str) -> None:
    with pytest.raises(InputError, match=match):
        make()


@pytest.mark.parametrize(
    "simulator",
    [sn.Simulator(slow={"layer_9": 2.0}), sn.Simulator(restarts=(sn.Restart("layer_9", 1.0),))],
)
def test_hosts_that_are_not_there_are_refused(simulator: sn.Simulator) -> None:
    with pytest.raises(UnknownNameError, match="no host 'layer_9'; did you mean 'layer_"):
        sn.infer(SMALL.sheaf, SMALL.pins, runtime=simulator)


@pytest.mark.slow
@pytest.mark.parametrize("case", [Case("2-6-4-4-1-identity", 0, both) for both in (False, True)])
def test_prox_settles_whatever_the_network_does(case: Case) -> None:
    well, what = case.play()
    assert well, what


@pytest.mark.parametrize("name", ["2-4-1-identity", "2-6-4-4-1-identity"])
def test_turns_need_as_many_messages_however_long_they_take(name: str) -> None:
    reference = golden.load(name)
    counts = []
    for delay in (0.0, 2.0, 8.0):
        simulator = sn.Simulator(
            latency=sn.Constant(delay), report_interval=0.25, report_latency=sn.Constant(0.0)
        )
        solution = sn.infer(reference.sheaf, reference.pins, rule="sor", runtime=simulator)
        assert solution.outcome is sn.Outcome.CONVERGED
        counts.append(solution.stats.messages)
    assert max(counts) <= 1.01 * min(counts)


def test_a_token_survives_loss_repetition_and_restarts() -> None:
    """A restarted host has lost the state of its tokens, but no vertex waits for ever."""
    reference = golden.load("2-6-4-4-1-identity")
    simulator = sn.Simulator(
        seed=3,
        latency=sn.Uniform(0.0, 8.0),
        loss=0.3,
        restarts=tuple(sn.Restart(f"layer_{n % 5}", 150.0 * n + 40.0, 5.0 * n) for n in range(9)),
    )
    solution = sn.infer(reference.sheaf, reference.pins, rule="sor", runtime=simulator)
    assert solution.outcome is sn.Outcome.CONVERGED
    forward = reference.cochain("")
    assert max(float(np.abs(solution.cochain[v] - forward[v]).max()) for v in forward) <= 1e-6


def test_turns_are_frozen_and_go_on_if_the_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    verdicts = iter([{"z1": 1.0}])

    def first_fails(*arguments: Any) -> dict[str, float]:
        return next(verdicts, None) or stationarity(*arguments)

    monkeypatch.setattr("sheafnet.runtime.hosts.coordinator.stationarity", first_fails)
    run = sn.prepare(SMALL.sheaf, SMALL.pins, rule="sor")
    simulation = HOSTILE.simulation(run.problem)
    record = simulation.run(RunHooks())
    assert simulation.coordinator.failed_checks == 1
    assert record.outcome is sn.Outcome.CONVERGED


def test_progress_is_asked_for_while_every_host_is_down() -> None:
    everyone = sn.Simulator(
        placement={"h": list(SMALL.sheaf.vertices)}, restarts=(sn.Restart("h", at=21.5, down=5.0),)
    )
    seen: list[sn.Progress] = []

    class Watching(sn.Observer):
        interval = 0.0

        def progressed(self, progress: sn.Progress) -> None:
            seen.append(progress)

    solution = sn.infer(SMALL.sheaf, SMALL.pins, runtime=everyone, observer=Watching())
    assert solution.outcome is sn.Outcome.CONVERGED
    assert any(not progress.stationarity for progress in seen)
    assert {progress.batches_left for progress in seen} == {0}
