"""Single links: laws of delay, queues, losses, copies and partitions."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import sheafnet as sn
from sheafnet.errors import InputError, NonFiniteError, UnknownNameError
from sheafnet.runtime.simulator.link import Link

MANY = 40_000


def link(channel: sn.Channel, *partitions: sn.Partition, seed: int = 0) -> Link:
    return Link(seed, "left", "right", channel, partitions)


@pytest.mark.parametrize(
    "law",
    [
        sn.Constant(2.0),
        sn.Uniform(1.0, 5.0),
        sn.Exponential(3.0),
        sn.Lognormal(80.0, 0.5),
        sn.Empirical([1.0, 1.0, 10.0]),
    ],
    ids=str,
)
def test_delays_have_the_mean_that_the_law_expects(law: sn.Latency) -> None:
    delays = law.draw(np.random.default_rng(1), MANY)
    assert delays.min() >= 0.0
    assert delays.mean() == pytest.approx(law.expected(), rel=0.02)


def test_half_of_the_lognormal_delays_are_below_the_median() -> None:
    delays = sn.Lognormal(80.0, 0.5).draw(np.random.default_rng(2), MANY)
    assert np.mean(delays < 80.0 * np.exp(-0.125)) == pytest.approx(0.5, abs=0.01)
    assert np.log(delays).std() == pytest.approx(0.5, rel=0.02)


def test_measured_delays_come_from_a_file_and_no_others_are_drawn(tmp_path: Path) -> None:
    file = tmp_path / "delays.txt"
    file.write_text("# milliseconds\n80.5\n79\n\n240\n")
    law = sn.Empirical.load(file)
    drawn = law.draw(np.random.default_rng(3), 1000)
    assert set(drawn) == {80.5, 79.0, 240.0}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("80\nfast\n", "not a file of delays"), ("# none\n", "at least one"), ("-1\n", "negative")],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "delays.txt"
    file.write_text(text)
    with pytest.raises(InputError, match=rf"delays\.txt: .*{expected}"):
        sn.Empirical.load(file)
    with pytest.raises(InputError, match="not a file of delays"):
        sn.Empirical.load(tmp_path / "missing.txt")


def test_laws_refuse_what_is_no_delay() -> None:
    with pytest.raises(NonFiniteError):
        sn.Empirical([1.0, math.nan])
    with pytest.raises(InputError, match="mean"):
        sn.Lognormal(-1.0, 0.5)
    with pytest.raises(InputError, match="sigma"):
        sn.Lognormal(1.0, 11.0)


@pytest.mark.parametrize("load", [0.3, 0.7])
def test_a_queue_on_a_slow_link_waits_as_long_as_theory_says(load: float) -> None:
    """Compare with an M/D/1 queue: Poisson arrivals, one server, a fixed service time.

    The mean wait is ρ / (2 (1 − ρ)) times the service time (Pollaczek 1930, Khinchin 1932).
    """
    size, bandwidth = 1000, 500.0
    service = size / bandwidth
    slow = link(sn.Channel(sn.Constant(0.0), bandwidth=bandwidth))
    gaps = np.random.default_rng(4).exponential(service / load, 400_000)
    waits = []
    for now in np.cumsum(gaps).tolist():
        (delay,) = slow.fate(now, size)
        assert delay is not None
        waits.append(delay - service)
    assert np.mean(waits) == pytest.approx(load / (2.0 * (1.0 - load)) * service, rel=0.03)


def test_frames_queue_in_order_and_by_their_size() -> None:
    slow = link(sn.Channel(sn.Constant(3.0), bandwidth=100.0))
    assert slow.fate(0.0, 200) == (5.0,)
    assert slow.fate(1.0, 100) == (5.0,)  # waits 1, takes 1, and travels for 3
    assert slow.fate(50.0, 100) == (4.0,)


def test_losses_and_copies_come_as_often_as_asked_for() -> None:
    both = link(sn.Channel(sn.Exponential(1.0), loss=0.4, duplication=0.3))
    fates = [both.fate(float(n), 1) for n in range(MANY)]
    lost = sum(fate == (None,) for fate in fates)
    copied = sum(len(fate) == 2 for fate in fates)
    assert lost / MANY == pytest.approx(0.4, abs=0.01)
    assert copied / (MANY - lost) == pytest.approx(0.3, abs=0.01)
    one, other = next(fate for fate in fates if len(fate) == 2)
    assert one != other


def test_what_else_a_link_does_leaves_its_losses_and_first_delays_alone() -> None:
    plain = link(sn.Channel(sn.Constant(1.0), loss=0.4))
    copying = link(sn.Channel(sn.Constant(1.0), loss=0.4, duplication=1.0))
    for n in range(100):
        assert plain.fate(float(n), 1)[0] == copying.fate(float(n), 1)[0]


def test_a_partition_separates_two_sides_for_its_time() -> None:
    partition = sn.Partition(("a", "b"), 10.0, 20.0)
    assert partition.separates("a", "c")
    assert partition.separates("c", "b")
    assert not partition.separates("a", "b")
    assert not partition.separates("c", "d")
    some = sn.Partition(("a",), 10.0, 20.0, others=("b",))
    assert some.separates("b", "a")
    assert not some.separates("a", "c")
    assert [partition.holds(t) for t in (9.9, 10.0, 19.9, 20.0, 1e6)] == [
        False,
        True,
        True,
        False,
        False,
    ]
    flapping = sn.Partition(("a",), 10.0, 12.0, every=5.0)
    assert [flapping.holds(t) for t in (5.0, 10.0, 12.0, 15.0, 16.9, 17.0, 1011.0)] == [
        False, True, False, True, True, False, True,
    ]  # fmt: skip
    parted = link(sn.Channel(), partition)
    assert parted.fate(15.0, 1) == (None,)
    assert parted.fate(25.0, 1) == (1.0,)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: sn.Partition((), 0.0, 1.0), "nobody has no hosts"),
        (lambda: sn.Partition(("a",), 0.0, 1.0, others=("b", "a")), "hosts on both sides"),
        (lambda: sn.Partition(("a",), 2.0, 1.0), "end after that"),
        (lambda: sn.Partition(("a",), 0.0, math.inf), "never ends"),
        (lambda: sn.Partition(("a",), 0.0, 5.0, every=5.0), "comes again before"),
        (lambda: sn.Channel(loss=1.0), "loss"),
        (lambda: sn.Channel(duplication=1.1), "duplication"),
        (lambda: sn.Channel(bandwidth=0.0), "bandwidth"),
        (lambda: sn.Simulator(duplication=-0.1), "duplication"),
        (lambda: sn.Simulator(pauses=(sn.Pause("a", 0.0, math.inf),)), "pauses"),
    ],
)
def test_what_cannot_be_is_refused(make: object, expected: str) -> None:
    assert callable(make)
    with pytest.raises(InputError, match=expected):
        make()


NET = sn.ReluNetwork.random([2, 4, 1], seed=0)
PINS = [sn.Pin("a0", np.ones((2, 3)))]
HOSTILE = sn.Simulator(
    seed=3,
    latency=sn.Lognormal(2.0, 1.0),
    loss=0.2,
    duplication=0.3,
    bandwidth=400.0,
    channels={("layer_1", "layer_2"): sn.Channel(sn.Exponential(20.0), loss=0.4)},
    partitions=(
        sn.Partition(("layer_0",), 30.0, 300.0),
        sn.Partition(("layer_2",), 10.0, 20.0, every=60.0),
    ),
)


def test_a_network_with_all_of_it_converges_and_repeats_itself() -> None:
    sheaf = NET.to_sheaf()
    first, again = (sn.infer(sheaf, PINS, runtime=HOSTILE) for _ in range(2))
    assert first.outcome is sn.Outcome.CONVERGED
    assert np.abs(first.cochain["z2"] - NET.forward(np.ones((2, 3)))).max() <= 1e-6
    assert first.trace_digest == again.trace_digest
    assert first.stats.virtual_time > 300.0  # layer_0 is cut off until then


def test_a_channel_holds_in_its_direction_only() -> None:
    sent: list[list[str]] = []
    slow = sn.Simulator(
        channels={("layer_1", "layer_2"): sn.Channel(sn.Constant(50.0))},
        trace=lambda line: sent.append(line.split()),
    )
    sn.infer(NET.to_sheaf(), PINS, runtime=slow)
    delays = {(w[2], w[3]): {v[6] for v in sent if v[1] == "send" and v[2:4] == w[2:4]}
              for w in sent if w[1] == "send"}  # fmt: skip
    assert delays["layer_1", "layer_2"] == {"50.0"}
    assert delays["layer_2", "layer_1"] == {"1.0"}


def test_a_host_that_pauses_steps_no_more_until_it_is_over() -> None:
    steps: list[list[str]] = []
    pause = sn.Pause("layer_1", 7.5, 100.0)
    paused = sn.Simulator(pauses=(pause,), trace=lambda line: steps.append(line.split()))
    solution = sn.infer(NET.to_sheaf(), PINS, runtime=paused)
    times = [float(w[0]) for w in steps if w[1:3] == ["step", "layer_1"]]
    assert solution.outcome is sn.Outcome.CONVERGED
    assert min(times) < 7.5
    assert not [t for t in times if 7.5 <= t < 107.5]
    assert 107.5 in times


def test_an_order_of_ties_that_is_drawn_gives_another_trace_and_the_same_answer() -> None:
    sheaf = NET.to_sheaf()
    fixed, drawn, again, other = (
        sn.infer(sheaf, PINS, runtime=sn.Simulator(seed=seed, shuffle_ties=shuffle))
        for seed, shuffle in ((0, False), (0, True), (0, True), (1, True))
    )
    assert drawn.trace_digest == again.trace_digest
    assert len({s.trace_digest for s in (fixed, drawn, other)}) == 3
    for solution in (fixed, drawn, other):
        assert solution.outcome is sn.Outcome.CONVERGED
        assert np.abs(solution.cochain["z2"] - fixed.cochain["z2"]).max() <= 1e-6


def test_a_host_that_is_not_there_is_named() -> None:
    for simulator in (
        sn.Simulator(partitions=(sn.Partition(("layer_9",), 0.0, 1.0),)),
        sn.Simulator(partitions=(sn.Partition(("layer_0",), 0.0, 1.0, others=("layer_9",)),)),
        sn.Simulator(channels={("layer_0", "layer_9"): sn.Channel()}),
        sn.Simulator(pauses=(sn.Pause("layer_9", 0.0, 1.0),)),
    ):
        with pytest.raises(UnknownNameError, match="no host 'layer_9'"):
            sn.infer(NET.to_sheaf(), PINS, runtime=simulator)
