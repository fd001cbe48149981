"""Time of simulated hosts: updates, pauses and crashes, and the costs of a run."""

from collections.abc import Callable

import numpy as np
import pytest

import sheafnet as sn
from sheafnet.errors import InputError
from sheafnet.runtime.interface import RunHooks
from sheafnet.runtime.simulator.host_time import ComputeTimer, Timesheet

SHEAF = sn.Sheaf(
    {"a": 3, "b": 3, "c": 3},
    [
        sn.Edge("ab", "a", "b", sn.Identity(), sn.Identity()),
        sn.Edge("bc", "b", "c", sn.Identity(), sn.Identity()),
    ],
)
PINS = [sn.Pin("a", np.ones((3, 4)))]


def steps(work: float | sn.ComputeTime, slow: float = 1.0) -> list[float]:
    """Return the virtual times at which the host b steps."""
    lines: list[str] = []
    simulator = sn.Simulator(
        compute=work, slow={"b": slow}, placement="by-vertex", trace=lines.append
    )
    sn.infer(SHEAF, PINS, runtime=simulator, stop=sn.Stop(max_rounds=20))
    fields = [line.split() for line in lines]
    return [float(time) for time, kind, host, *_ in fields if (kind, host) == ("step", "b")]


def test_an_update_takes_its_time_for_each_number_and_longer_on_a_slow_host() -> None:
    worker = ComputeTimer(0, "h", sn.ComputeTime(sn.Constant(2.0), per_element=0.5), factor=3.0)
    assert worker.takes(updates=2, elements=10) == 3.0 * (2 * 2.0 + 10 * 0.5)
    assert worker.takes(updates=0, elements=0) == 3.0 * 2.0


def test_drawn_times_have_the_mean_of_their_law_and_their_own_stream() -> None:
    worker, other = (
        ComputeTimer(0, host, sn.ComputeTime(sn.Exponential(2.0)), 1.0) for host in "hi"
    )
    times = [worker.takes(updates=5, elements=0) for _ in range(4000)]
    assert np.mean(times) == pytest.approx(10.0, rel=0.03)
    assert np.std(times) == pytest.approx(np.sqrt(5) * 2.0, rel=0.05)
    assert other.takes(5, 0) != times[0]


@pytest.mark.parametrize("slow", [1.0, 4.0])
def test_no_step_begins_before_the_one_before_is_done(slow: float) -> None:
    # Twelve numbers in a stalk: an update takes 1 + 12 / 4 = 4 units.
    gaps = np.diff(steps(sn.ComputeTime(sn.Constant(1.0), per_element=0.25), slow))
    assert gaps.min() >= slow * 1.0
    assert gaps.max() >= slow * 4.0


def test_one_number_is_short_for_the_same_time_always() -> None:
    assert steps(2.0) == steps(sn.ComputeTime(sn.Constant(2.0)))
    assert steps(2.0) != steps(sn.ComputeTime(sn.Uniform(1.0, 3.0)))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: sn.ComputeTime(per_element=-1.0), "per_element"),
        (lambda: sn.ComputeTime(sn.Constant(0.0)), "compute must be positive"),
        (lambda: sn.Simulator(compute=-1.0), "time must be finite"),
    ],
)
def test_settings_out_of_range_are_refused(make: Callable[[], object], match: str) -> None:
    with pytest.raises(InputError, match=match):
        make()


def test_a_run_with_drawn_times_repeats_itself() -> None:
    def digest(seed: int) -> str | None:
        work = sn.ComputeTime(sn.Exponential(1.0), per_element=0.1)
        run = sn.prepare(SHEAF, PINS, runtime=sn.Simulator(seed=seed, compute=work))
        return sn.Simulator(seed=seed, compute=work).run(run.problem, RunHooks()).trace_digest

    assert digest(1) == digest(1) != digest(2)


def test_a_timesheet_adds_up_whatever_comes_in_between() -> None:
    sheet = Timesheet()
    sheet.busy(0.0, 5.0)
    sheet.pause(3.0, 10.0)  # the step in progress still ends at 5
    assert sheet.free_at == 13.0
    assert sheet.total(9.0) == (5.0, 0.0, 4.0)
    sheet.busy(20.0, 6.0)
    sheet.crash(22.0)  # four units of work are lost
    assert sheet.total(23.0) == (7.0, 7.0, 9.0)
    sheet.restart(30.0)
    assert sheet.total(32.0) == (7.0, 9.0, 16.0)


def test_costs_of_a_run_add_up() -> None:
    simulator = sn.Simulator(
        seed=1,
        latency=sn.Uniform(0.0, 6.0),
        loss=0.3,
        slow={"b": 5.0},
        restarts=(sn.Restart("c", 40.0, 30.0),),
        pauses=(sn.Pause("a", 10.0, 7.0),),
        placement="by-vertex",
    )
    solution = sn.infer(SHEAF, PINS, runtime=simulator)
    stats = solution.stats
    assert sum(edge.messages for edge in solution.edges.values()) == stats.messages
    carried = sum(edge.bytes for edge in solution.edges.values())
    assert carried == sum(edge.sent for edge in solution.edges.values()) * 12 * 8
    assert carried < stats.bytes  # frames have headers
    for edge in solution.edges.values():
        assert edge.sent > edge.messages  # three in ten frames are lost
    for busy, waiting, away in solution.hosts.values():
        assert busy + waiting + away == pytest.approx(stats.virtual_time)
    assert solution.hosts["c"].away == pytest.approx(30.0)
    assert solution.hosts["a"].away == pytest.approx(7.0, abs=1.0)
    assert solution.hosts["b"].busy > solution.hosts["a"].busy


def test_within_a_host_messages_cost_no_bytes() -> None:
    solution = sn.infer(SHEAF, PINS, runtime=sn.Simulator(placement={"all": "abc"}))
    assert solution.edges["ab"].messages > 0
    assert solution.edges["ab"][1:] == (0, 0)
