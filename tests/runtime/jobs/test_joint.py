"""Training by the paper's joint flow, compared with results of the authors' program."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest

import sheafnet as sn
from sheafnet.core.loss import assess
from sheafnet.core.targets import targets
from sheafnet.errors import InputError, NonFiniteError, RuleError, ShapeError
from tests.support import golden

NET = sn.ReluNetwork.random([2, 5, 3], seed=0, output="softmax")
X = np.random.default_rng(0).standard_normal((2, 8))
LABELS = np.arange(8) % 3
RULE = sn.Joint(alpha=1.0, beta=0.1, dt=0.05)


@pytest.mark.parametrize("name", golden.TASKS)
def test_a_thousand_steps_lead_where_the_authors_flow_leads(name: str) -> None:
    task = golden.load_task(name)
    fit = sn.train(
        task.network,
        *task.train,
        rule=task.rule,
        rounds=1000,
        init=task.start,
        test=task.test,
        every=1000,
    )
    assert fit.diverged is None
    for layer, (W, b) in enumerate(zip(fit.network.weights, fit.network.biases, strict=True), 1):
        np.testing.assert_allclose(W, task.arrays[f"step1000_W{layer}"], rtol=0, atol=1e-12)
        np.testing.assert_allclose(b, task.arrays[f"step1000_b{layer}"], rtol=0, atol=1e-12)
    first, last = fit.history
    assert (first.step, last.step) == (0, 1000)
    assert last.train_loss == pytest.approx(task.arrays["sheaf_train_loss"][1], rel=1e-9)
    assert last.test_loss == pytest.approx(task.arrays["sheaf_test_loss"][1], rel=1e-9)
    assert last.discord.keys() == {edge.name for edge in task.network.to_sheaf().edges}


@pytest.mark.parametrize("output", ["identity", "sigmoid", "softmax"])
def test_the_loss_is_the_mean_of_what_each_sample_costs(output: str) -> None:
    net = sn.ReluNetwork.random([2, 5, 3], seed=0, output=output)
    y = np.eye(3)[:, LABELS]
    p = net.forward(X)
    expected = {
        "identity": ((p - y) ** 2).mean(),
        "sigmoid": -(y * np.log(np.abs(p)) + (1 - y) * np.log(np.abs(1 - p))).sum(axis=0).mean(),
        "softmax": -(y * np.log(np.abs(p))).sum(axis=0).mean(),
    }[output]
    assert assess(net, X, y).loss == pytest.approx(expected, rel=1e-12)


def test_labels_are_targets() -> None:
    by_label = sn.train(NET, X, LABELS, rule=RULE, rounds=20)
    by_target = sn.train(NET, X, np.eye(3)[:, LABELS], rule=RULE, rounds=20)
    for one, other in zip(by_label.network.weights, by_target.network.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    two = sn.ReluNetwork.random([2, 5, 1], seed=0, output="sigmoid")
    np.testing.assert_array_equal(targets(two, LABELS % 2, 8), [LABELS % 2])


def test_the_history_has_every_so_many_rounds_and_the_last() -> None:
    fit = sn.train(NET, X, LABELS, rule=RULE, rounds=25, every=10, test=(X[:, :3], LABELS[:3]))
    assert [record.step for record in fit.history] == [0, 10, 20, 25]
    assert fit.history[-1].train_loss < fit.history[0].train_loss
    assert fit.history[-1].train_loss == assess(fit.network, X, np.eye(3)[:, LABELS]).loss
    assert all(record.test_loss is not None for record in fit.history)
    assert fit.stats.rounds == 25


def test_divergence_gives_back_the_last_finite_network_and_says_what_to_lower() -> None:
    fit = sn.train(NET, X, LABELS, rule=sn.Joint(1.0, 50.0, 1.0), rounds=2000)
    assert fit.diverged is not None
    assert "lower dt, or beta" in fit.diverged
    assert all(np.isfinite(W).all() for W in fit.network.weights)
    assert fit.stats.rounds < 2000


def test_a_loss_that_overflows_on_the_way_is_infinite_and_training_goes_on() -> None:
    huge = sn.ReluNetwork([1e200 * W for W in NET.weights], NET.biases, "softmax")
    assert assess(huge, 1e200 * np.ones((2, 1)), np.eye(3)[:, :1]).loss == np.inf
    fit = sn.train(NET, X, LABELS, rule=sn.Joint(1.0, 50.0, 1.0), rounds=2000, every=1)
    assert fit.diverged is not None
    assert len(fit.history) >= fit.stats.rounds


def test_to_infer_is_not_to_learn() -> None:
    with pytest.raises(RuleError, match="use train"):
        sn.infer(NET.to_sheaf(), [sn.Pin("a0", X)], rule=RULE)


@pytest.mark.slow
@pytest.mark.parametrize("placement", ["by-layer", "by-vertex"])
def test_without_order_and_under_loss_it_learns_as_well(
    placement: Literal["by-layer", "by-vertex"],
) -> None:
    task = golden.load_task("circular")
    rule = sn.Joint(1.0, 1 / 300, 0.1)
    simulator = sn.Simulator(seed=2, latency=sn.Uniform(0.0, 4.0), loss=0.1, placement=placement)

    def fit(runtime: sn.Simulator | sn.Lockstep) -> sn.Fit:
        return sn.train(task.network, *task.train, rule=rule, rounds=600, runtime=runtime)

    here, again, in_step = fit(simulator), fit(simulator), fit(sn.Lockstep())
    losses = [record.train_loss for record in here.history]
    assert len(losses) >= 5
    assert losses[-1] < 0.6 * losses[0]
    assert losses[-1] < 1.5 * in_step.history[-1].train_loss
    for one, other in zip(here.network.weights, again.network.weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("change", "error", "expected"),
    [
        ({"y": LABELS + 1}, InputError, "labels run to 3, but there are 3 classes"),
        ({"y": LABELS - 1}, InputError, "labels run from -1"),
        ({"y": LABELS[:5]}, ShapeError, "labels: expected shape"),
        ({"y": np.full((3, 8), np.nan)}, NonFiniteError, "targets"),
        ({"y": np.zeros((2, 8))}, ShapeError, "targets: expected shape"),
        ({"x": np.zeros((2, 0)), "y": LABELS[:0]}, InputError, "the batch is empty"),
        ({"test": (np.zeros((2, 0)), LABELS[:0])}, InputError, "test inputs: the batch is empty"),
        ({"rounds": 0}, InputError, "rounds is 0"),
        ({"runtime": sn.Simulator(restarts=(sn.Restart("layer_1", 5.0),))}, InputError, "forget"),
    ],
)
def test_what_cannot_be_learned_is_refused(
    change: dict[str, Any], error: type[Exception], expected: str
) -> None:
    arguments: dict[str, Any] = {"x": X, "y": LABELS, "rule": RULE, "rounds": 10} | change
    with pytest.raises(error, match=expected):
        sn.train(NET, **arguments)


def test_labels_need_an_activation_and_rates_are_positive() -> None:
    plain = sn.ReluNetwork.random([2, 5, 3], seed=0)
    with pytest.raises(InputError, match="labels need an output that is sigmoid or softmax"):
        sn.train(plain, X, LABELS, rule=RULE, rounds=1)
    for name in ("alpha", "beta", "dt"):
        with pytest.raises(RuleError, match=f"joint: {name} is -1"):
            sn.Joint(**({"alpha": 1.0, "beta": 1.0, "dt": 1.0} | {name: -1.0}))  # type: ignore[arg-type]
