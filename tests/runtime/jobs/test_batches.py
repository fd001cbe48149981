"""Training on batches: none is skipped or taken twice, however many are in flight."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sheafnet as sn
from sheafnet.dynamics.training.learning_rule import LearningRule
from sheafnet.dynamics.training.map_learner import MapLearner
from sheafnet.runtime.hosts.host import Host
from sheafnet.runtime.jobs.batches import Shuffled
from tests.support import golden
from tests.support.compiled import interpreted_only
from tests.support.training import OPTIMISERS, flat, moved, problem, step_of

ROUGH = {"loss": 0.3, "duplication": 0.1, "latency": sn.Uniform(0.0, 8.0), "slow": {"layer_1": 9.0}}
VERTICES = ("a0", "z1", "a1", "z2", "a2")


@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=lambda o: type(o).__name__)
@pytest.mark.parametrize("rule", [sn.Nudged(), sn.Relax(), sn.Relax(sweeps=3)], ids=repr)
@pytest.mark.parametrize(
    ("placement", "batches_in_flight"), [("by-layer", 1), ("by-vertex", 1), ("by-layer", 3)]
)
def test_delay_and_loss_change_nothing(
    rule: LearningRule,
    optimiser: sn.Optimiser,
    placement: Literal["by-layer", "by-vertex"],
    batches_in_flight: int,
) -> None:
    task = golden.load_task("blobs")
    slow = {"slow": {"z1": 9.0}} if placement == "by-vertex" else {}
    rough = sn.Simulator(seed=4, placement=placement, **(ROUGH | slow))  # type: ignore[arg-type]

    def fit(runtime: sn.Simulator | sn.Lockstep) -> sn.Fit:
        return sn.train(
            task.network, *task.train, rule=rule, optimiser=optimiser,
            epochs=2, batch_size=64, batches_in_flight=batches_in_flight, seed=1, every=3,
            test=task.test,
            runtime=runtime,
        )  # fmt: skip

    here, there = fit(sn.Lockstep()), fit(rough)
    np.testing.assert_array_equal(flat(there.network), flat(here.network))
    assert [it.train_loss for it in there.history] == [it.train_loss for it in here.history]
    assert [it.step for it in there.history] == [0, 3, 6, 9, 10]
    for one, other in zip(there.history, here.history, strict=True):
        assert one.tension == other.tension
        assert one.step_norm == other.step_norm
    allowed = {frozenset(pair) for pair in pairwise(VERTICES)}
    assert {frozenset(pair) for pair in there.record.ledger} == allowed


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    lossy=st.floats(0.0, 0.4),
    delay=st.floats(0.0, 20.0),
    frames=st.integers(1, 4),
    batches_in_flight=st.integers(1, 4),
    crashes=st.lists(
        st.builds(
            sn.Restart,
            st.sampled_from(["layer_0", "layer_1", "layer_2", "layer_3"]),
            st.floats(1.0, 400.0),
            down=st.floats(1.0, 100.0),
        ),
        max_size=3,
        unique_by=lambda restart: restart.host,
    ),
)
def test_no_batch_is_skipped_or_taken_twice(
    seed: int,
    lossy: float,
    delay: float,
    frames: int,
    batches_in_flight: int,
    crashes: list[sn.Restart],
) -> None:
    """In every incarnation a map takes consecutive batches, starting at its snapshot."""
    net, x, y = problem("softmax", 0)
    incarnations: dict[MapLearner, tuple[str, list[int]]] = {}
    usual = MapLearner.learn

    def noted(self: MapLearner, *edge: Any) -> Any:
        incarnations.setdefault(self, (self.edge, []))[1].append(self.step)
        return usual(self, *edge)

    def fit(runtime: sn.Simulator | sn.Lockstep) -> sn.Fit:
        return sn.train(
            net, x, y, rule=sn.Relax(sweeps=2), optimiser=sn.Sgd(0.01), rounds=18, batch_size=2,
            batches_in_flight=batches_in_flight, every=2, runtime=runtime,
        )  # fmt: skip

    here = fit(sn.Lockstep())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MapLearner, "learn", noted)
        there = fit(
            sn.Simulator(
                seed=seed, loss=lossy, latency=sn.Uniform(0.0, delay), duplication=0.3,
                window=frames, restarts=tuple(crashes),
            )
        )  # fmt: skip
    finished = set()
    for edge, batches in incarnations.values():
        assert batches == list(range(batches[0], batches[-1] + 1))
        assert batches[0] % 2 == 0
        if batches[-1] == 8:
            finished.add(edge)
    assert len(finished) == 6
    np.testing.assert_array_equal(flat(there.network), flat(here.network))


@pytest.mark.parametrize("batches_in_flight", [2, 4])
@pytest.mark.parametrize("rule", [sn.Nudged(), sn.Relax(sweeps=2)], ids=["nudged", "relax"])
def test_batches_in_flight_take_the_gradients_of_an_earlier_network(
    rule: LearningRule, batches_in_flight: int
) -> None:
    net, x, y = problem("softmax", 0)
    fit = sn.train(
        net, x, y, rule=rule, optimiser=sn.Sgd(0.2), rounds=10 * rule.rounds_per_step, batch_size=2,
        batches_in_flight=batches_in_flight, seed=5,
    )  # fmt: skip
    networks = [net]
    for step in range(10):
        columns = Shuffled(6, 2, seed=5).columns(step)
        behind = networks[max(step - batches_in_flight + 1, 0)]
        step_taken = 0.2 * step_of(behind, x[:, columns], y[:, columns], rule)
        networks.append(moved(networks[-1], -step_taken))
    np.testing.assert_allclose(flat(fit.network), flat(networks[-1]), rtol=0, atol=1e-13)


def test_layers_work_on_different_batches_at_once() -> None:
    net = sn.ReluNetwork.random([4, 6, 6, 6, 6, 2], 0, "softmax")
    x, y = np.random.default_rng(0).standard_normal((4, 16)), np.arange(16) % 2

    def takes(batches_in_flight: int) -> float:
        fit = sn.train(
            net, x, y, optimiser=sn.Adam(0.01), rounds=40, batch_size=4,
            batches_in_flight=batches_in_flight,
            runtime=sn.Simulator(latency=sn.Constant(1.0)),
        )  # fmt: skip
        return fit.stats.virtual_time

    assert takes(4) < takes(1) / 2.5


def test_a_step_costs_one_message_each_way_and_says_nothing_else() -> None:
    net, x, y = problem("softmax", 0)
    edges = len(net.to_sheaf().edges)
    for rule, sweeps in ((sn.Nudged(), 1), (sn.Relax(sweeps=4), 4)):
        fit = sn.train(net, x, y, rule=rule, optimiser=sn.Sgd(0.01), rounds=20)
        assert fit.stats.messages == 2 * edges * 20
        assert fit.stats.rounds == 20
        assert fit.history[-1].step == 20 // sweeps


@interpreted_only
@pytest.mark.parametrize("batches_in_flight", [1, 4])
def test_what_a_host_keeps_does_not_grow(batches_in_flight: int) -> None:
    """The batches in flight bound the number of messages in an inbox and in an outbox."""
    net, x, y = problem("identity", 0)
    entries: list[int] = []
    unsaid: list[int] = []
    usual = Host.step

    def noted(self: Host, now: float) -> Any:
        entries.extend(len(vertex.inbox.entries) for vertex in self.group.vertices.values())
        unsaid.extend(len(peer.outbox) for peer in self.transport.peers.values())
        return usual(self, now)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Host, "step", noted)
        sn.train(
            net, x, y, rule=sn.Relax(), optimiser=sn.Sgd(0.01), rounds=200, batch_size=3,
            batches_in_flight=batches_in_flight,
            runtime=sn.Simulator(loss=0.3, duplication=0.3, latency=sn.Exponential(4.0)),
        )  # fmt: skip
    assert max(entries) <= 2 * batches_in_flight + 2
    assert max(unsaid) <= 2 * batches_in_flight + 1


def test_batches_are_a_pure_function_of_seed_and_step() -> None:
    batches = Shuffled(10, 4, seed=3)
    row = np.concatenate([batches.columns(step) for step in range(5)])
    assert Counter(row.tolist()) == dict.fromkeys(range(10), 2)
    np.testing.assert_array_equal(Shuffled(10, 4, seed=3).columns(4), row[16:])
    np.testing.assert_array_equal(batches.columns(0), row[:4])
    other = Shuffled(10, 4, seed=4)
    assert row.tolist() != np.concatenate([other.columns(step) for step in range(5)]).tolist()
    assert Shuffled(10, 10, seed=3).columns(7) == slice(None)


@pytest.mark.parametrize("rule", ["nudged", "relax"])
def test_batches_of_a_regression_run_everywhere(rule: str) -> None:
    net, x, y = problem("identity", 0)

    def fit(runtime: sn.Simulator | sn.Lockstep) -> sn.Fit:
        return sn.train(
            net, x, y, rule=rule, optimiser=sn.Adam(0.01), epochs=3, batch_size=4, runtime=runtime
        )

    here, there = fit(sn.Lockstep()), fit(sn.Simulator(loss=0.2))
    assert here.record.stats.rounds == math.ceil(3 * 6 / 4)
    np.testing.assert_array_equal(flat(here.network), flat(there.network))


@pytest.mark.parametrize("stalks", [sn.Heat(), sn.Sor()], ids=["heat", "sor"])
def test_a_batch_knows_nothing_of_the_one_before(stalks: sn.Rule) -> None:
    net, x, y = problem("softmax", 0)
    still = sn.Sgd(1e-300)
    rule = sn.Relax(0.1, sweeps=4, stalks=stalks)
    fitted = sn.train(
        net, x, y, rule=rule, optimiser=still, rounds=12, batch_size=2, every=1, seed=5
    )
    for step in (1, 2, 3):
        columns = Shuffled(6, 2, seed=5).columns(step - 1)
        alone = sn.train(net, x[:, columns], y[:, columns], rule=rule, optimiser=still, rounds=4)
        for edge, discord in fitted.history[step].discord.items():
            assert discord == pytest.approx(alone.history[-1].discord[edge], rel=1e-9)
