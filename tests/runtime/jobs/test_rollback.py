"""Training that loses hosts, has slow hosts or ends early.

It must return the same network as training without faults, or the network of the last snapshot.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sheafnet as sn
from sheafnet.dynamics.training.learning_rule import LearningRule
from sheafnet.errors import InputError
from tests.support import golden
from tests.support.training import OPTIMISERS, flat, problem

ROUGH = {"loss": 0.3, "duplication": 0.1, "latency": sn.Uniform(0.0, 8.0), "slow": {"layer_1": 9.0}}
NET, X, Y = problem("softmax", 0)


@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=lambda o: type(o).__name__)
@pytest.mark.parametrize("rule", [sn.Nudged(), sn.Relax(sweeps=2)], ids=["nudged", "relax"])
@pytest.mark.parametrize(("seed", "batches_in_flight"), [(0, 1), (1, 3)])
def test_hosts_that_crash_change_nothing(
    rule: LearningRule, optimiser: sn.Optimiser, seed: int, batches_in_flight: int
) -> None:
    """All hosts roll back to the last snapshot under a new run id and repeat the same steps."""
    task = golden.load_task("blobs")
    moments = np.random.default_rng(seed).uniform(0.0, 2000.0, 3)
    crashes = [sn.Restart(f"layer_{n}", at, down=30.0) for n, at in enumerate(moments)]

    def fit(runtime: sn.Simulator | sn.Lockstep) -> sn.Fit:
        return sn.train(
            task.network, *task.train, rule=rule, optimiser=optimiser,
            epochs=3, batch_size=64, batches_in_flight=batches_in_flight, seed=1, every=4,
            runtime=runtime,
        )  # fmt: skip

    rough = sn.Simulator(seed=seed, restarts=tuple(crashes), **ROUGH)  # type: ignore[arg-type]
    here, there = fit(sn.Lockstep()), fit(rough)
    np.testing.assert_array_equal(flat(there.network), flat(here.network))
    assert [it.train_loss for it in there.history] == [it.train_loss for it in here.history]
    assert [it.step for it in there.history] == [it.step for it in here.history]


def test_joint_has_nothing_to_go_back_to() -> None:
    crashing = sn.Simulator(restarts=(sn.Restart("layer_1", 5.0),))
    with pytest.raises(InputError, match="Joint has no steps to go back to"):
        sn.train(NET, X, Y, rule=sn.Joint(1.0, 0.1, 0.1), rounds=5, runtime=crashing)


def test_what_ends_early_gives_back_the_last_snapshot() -> None:
    net, x, y = problem("softmax", 0)
    fit = sn.train(
        net, x, y, optimiser=sn.Adam(0.1), rounds=1000, every=2, max_time=200.0,
        runtime=sn.Simulator(placement="by-vertex"),
    )  # fmt: skip
    assert fit.stopped
    step = fit.evaluation.step
    assert 0 < step < 1000
    whole = sn.train(net, x, y, optimiser=sn.Adam(0.1), rounds=1000, every=step)
    assert fit.evaluation.train_loss == whole.history[1].train_loss
    assert fit.evaluation.tension == whole.history[1].tension


def test_a_slow_host_is_waited_for_and_one_that_is_partitioned_is_not() -> None:
    net, x, y = problem("softmax", 0)

    def fit(**network: Any) -> sn.Fit:
        return sn.train(
            net, x, y, optimiser=sn.Sgd(0.01), rounds=1000, batch_size=2, batches_in_flight=2,
            every=500,
            max_time=20_000.0, runtime=sn.Simulator(latency=sn.Constant(1.0), **network),
        )  # fmt: skip

    slow = fit(slow={"layer_1": 300.0})
    assert slow.stopped
    assert slow.evaluation.step > 10
    apart = fit(
        slow={"layer_1": 100.0}, partitions=(sn.Partition(("layer_2",), start=5_000.0, end=1e9),)
    )
    assert apart.stopped
    assert apart.stats.virtual_time < 60_000.0


def test_patience_gives_the_same_network_everywhere() -> None:
    task = golden.load_task("blobs")

    def fit(runtime: sn.Simulator | sn.Lockstep) -> sn.Fit:
        return sn.train(
            task.network, *task.train, rule=sn.Relax(), optimiser=sn.Sgd(3.0, momentum=0.9),
            rounds=60, patience=2, every=1, runtime=runtime,
        )  # fmt: skip

    here = fit(sn.Lockstep())
    assert here.stopped
    assert here.evaluation is min(here.history, key=lambda it: it.train_loss)
    for runtime in (sn.Simulator(), sn.Simulator(slow={"layer_1": 9.0}, report_interval=500.0)):
        there = fit(runtime)
        assert [it.train_loss for it in there.history] == [it.train_loss for it in here.history]
        np.testing.assert_array_equal(flat(there.network), flat(here.network))
