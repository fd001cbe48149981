"""The coordinator's end of a run: waves, the final check, waking, budget, divergence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sheafnet as sn
from sheafnet.core.arrays import Array
from sheafnet.runtime.hosts.control import Finished, SetFrozen, SetThreshold, Settled, StatusReport
from sheafnet.runtime.hosts.coordinator import DEAD_AFTER, FINEST_THRESHOLD, Coordinator, Phase
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.run_record import HostTime

NETWORK = sn.ReluNetwork.random([2, 1], seed=0)
X = np.ones((2, 1))
PROBLEM = sn.prepare(NETWORK.to_sheaf(), [sn.Pin("a0", X)], stop=sn.Stop(max_rounds=100)).problem
RIGHT = {"a0": X, "z1": NETWORK.forward(X)}
RUN = "run"
EXPLODED = "the force on 'z1' reached 1e+99 at its update 7"
WRONG = {"a0": X, "z1": NETWORK.forward(X) + 1.0}


def coordinator(problem: Problem = PROBLEM) -> Coordinator:
    return Coordinator(problem, ["layer_0", "layer_1"], 1e-10, RUN)


def answer(
    judge: Coordinator, stalks: dict[str, Array] = RIGHT, run: str = RUN, **changes: Any
) -> Finished | Settled | SetThreshold | SetFrozen | None:
    """Begin a wave and answer it for both hosts; return the order of the coordinator.

    ``changes`` replace fields of the report of layer_1.
    """
    request = judge.begin_wave()
    order = None
    for host, vertex in (("layer_0", "a0"), ("layer_1", "z1")):
        fields: dict[str, Any] = {
            "incarnation": 0,
            "idle": True,
            "sent": 5,
            "accepted": 5,
            "stationarity": {vertex: 0.0},
            "messages": 10,
            "pins_version": 0,
            "exploded": None,
        }
        given = {vertex: stalks[vertex]} if request.with_stalks else None
        fields |= changes if host == "layer_1" else {}
        order = judge.receive(
            StatusReport(run=run, host=host, wave=request.wave, stalks=given, **fields), 0.0
        )
    return order


def test_two_equal_waves_and_a_check_end_a_run() -> None:
    judge = coordinator()
    assert answer(judge) is None
    end = answer(judge)
    assert isinstance(end, Finished)
    assert end.outcome is sn.Outcome.CONVERGED
    np.testing.assert_array_equal(end.cochain["z1"], RIGHT["z1"])


@pytest.mark.parametrize(
    "change",
    [{"sent": 6}, {"accepted": 6}, {"incarnation": 1}, {"idle": False}],
    ids=lambda change: next(iter(change)),
)
def test_any_change_between_the_waves_starts_the_count_again(change: dict[str, Any]) -> None:
    judge = coordinator()
    answer(judge)
    assert answer(judge, **change) is None
    assert answer(judge) is None  # the first of two equal waves again
    assert isinstance(answer(judge), Finished)


def test_a_vertex_with_a_force_keeps_the_run_going() -> None:
    judge = coordinator()
    for _ in range(5):
        assert answer(judge, stationarity={"z1": 2e-9}) is None
    assert judge.phase is Phase.ASKING


def test_a_run_that_is_idle_with_a_force_for_good_ends_with_the_reason() -> None:
    judge = coordinator()
    stuck: dict[str, Any] = {"stationarity": {"z1": 2e-9}}
    for _ in range(DEAD_AFTER):
        assert answer(judge, **stuck) is None
    assert answer(judge, sent=6, **stuck) is None  # a message was sent: the count starts again
    for _ in range(DEAD_AFTER):
        assert answer(judge, sent=6, **stuck) is None
    end = answer(judge, sent=6, **stuck)
    assert isinstance(end, Finished)
    assert end.outcome is sn.Outcome.BUDGET_EXHAUSTED
    assert "all hosts are idle, but the force is 2e-09" in end.message


def test_two_changed_waves_that_equal_each_other_are_enough() -> None:
    judge = coordinator()
    answer(judge)
    assert answer(judge, sent=6) is None
    assert isinstance(answer(judge, sent=6), Finished)


def test_an_answer_to_an_earlier_wave_does_not_count() -> None:
    judge = coordinator()
    late = judge.begin_wave()
    judge.begin_wave()
    report = StatusReport(RUN, "layer_1", 0, late.wave, True, 5, 5, {"z1": 0.0}, 10, 0, None, None)
    assert judge.receive(report, 0.0) is None
    assert not judge.complete


def test_a_failed_check_wakes_everyone_at_a_tenth_of_the_threshold() -> None:
    judge = coordinator()
    answer(judge)
    order = answer(judge, stalks=WRONG)
    assert isinstance(order, SetThreshold)
    assert order.threshold == pytest.approx(1e-11)
    assert judge.failed_checks == 1
    assert answer(judge) is None
    end = answer(judge)
    assert isinstance(end, Finished)
    assert end.outcome is sn.Outcome.CONVERGED


def test_a_tolerance_beyond_the_precision_ends_with_the_reason() -> None:
    judge = coordinator()
    order: object = None
    for _ in range(2 * (FINEST_THRESHOLD + 1)):
        order = answer(judge, stalks=WRONG)
    assert isinstance(order, Finished)
    assert order.outcome is sn.Outcome.BUDGET_EXHAUSTED
    assert "the tolerance is beyond the precision" in order.message


def test_the_budget_counts_messages_by_edges() -> None:
    judge = coordinator()
    assert answer(judge, idle=False, messages=188) is None
    assert judge.rounds == 99
    answer(judge, idle=False, messages=190)
    end = answer(judge, idle=False, messages=190)
    assert isinstance(end, Finished)
    assert end.outcome is sn.Outcome.BUDGET_EXHAUSTED


def test_an_exploded_vertex_ends_the_run_by_name() -> None:
    judge = coordinator()
    blown: dict[str, Any] = {
        "exploded": EXPLODED,
        "stationarity": {"z1": 1e99},
    }
    answer(judge, **blown)
    end = answer(judge, **blown)
    assert isinstance(end, Finished)
    assert end.outcome is sn.Outcome.DIVERGED
    assert "the force on 'z1' reached 1e+99 at its update 7" in end.message


def test_a_divergence_is_not_talked_over_by_the_budget() -> None:
    judge = coordinator()
    blown: dict[str, Any] = {
        "exploded": EXPLODED,
        "stationarity": {"z1": 1e99},
    }
    answer(judge, **blown)
    judge.end(sn.Outcome.BUDGET_EXHAUSTED)
    end = answer(judge, **blown)
    assert isinstance(end, Finished)
    assert end.outcome is sn.Outcome.DIVERGED


def test_an_end_that_was_ordered_waits_for_a_wave_that_collects() -> None:
    judge = coordinator()
    request = judge.begin_wave()
    judge.end(sn.Outcome.STOPPED)
    for host, vertex in (("layer_0", "a0"), ("layer_1", "z1")):
        report = StatusReport(
            RUN, host, 0, request.wave, False, 1, 1, {vertex: 1.0}, 2, 0, None, None
        )
        assert judge.receive(report, 0.0) is None
    assert judge.phase is Phase.CONFIRMING
    end = answer(judge)
    assert isinstance(end, Finished)
    assert end.outcome is sn.Outcome.STOPPED


LEARNING = sn.prepare_training(NETWORK, X, X[:1], optimiser=sn.Sgd(0.1), rounds=100).problem
LEFT: dict[str, Any] = {"stationarity": {"z1": 40.0}}


def test_training_is_drained_before_it_ends() -> None:
    judge = coordinator(LEARNING)
    assert answer(judge, sent=1, **LEFT) is None
    assert judge.end(sn.Outcome.STOPPED) is None
    assert judge.begin_wave().drain
    for sent in range(2, 6):  # batches in flight go on
        assert answer(judge, sent=sent, idle=False, **LEFT) is None
    assert answer(judge, sent=6, **LEFT) is None
    assert answer(judge, sent=6, **LEFT) is None
    end = answer(judge, sent=6, **LEFT)
    assert isinstance(end, Finished)
    assert end.outcome is sn.Outcome.STOPPED


def test_what_cannot_be_drained_ends_all_the_same() -> None:
    judge = coordinator(LEARNING)
    judge.end(sn.Outcome.BUDGET_EXHAUSTED)
    waves = 0
    while answer(judge, idle=False, **LEFT) is None:
        waves += 1
    assert waves == DEAD_AFTER + 1


def test_the_time_of_hosts_is_summed_over_their_incarnations() -> None:
    judge = coordinator(LEARNING)
    answer(judge, busy=2.0, uptime=5.0, **LEFT)
    judge.roll_back("run+1")
    answer(judge, run="run+1", busy=1.0, uptime=3.0, **LEFT)
    assert judge.reports.times(10.0)["layer_1"] == HostTime(busy=3.0, waiting=5.0, away=2.0)
    assert judge.reports.times(10.0)["layer_1"].load == 0.375
