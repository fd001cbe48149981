"""Training as a job: its history, its outcomes, and the arguments that it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sheafnet as sn
from sheafnet.core.loss import assess
from sheafnet.errors import InputError, NonFiniteError, RuleError, ShapeError, UnknownNameError
from tests.support import golden
from tests.support.training import flat, problem

NET, X, Y = problem("softmax", 0)


def test_history_tells_of_edges_units_and_outputs() -> None:
    net, x, y = problem("softmax", 0, (3, 5, 2))
    dead = sn.ReluNetwork(net.weights, [np.array([-99.0, 0, 0, 0, 0]), net.biases[1]], "softmax")
    fit = sn.train(dead, x, y, optimiser=sn.Adam(0.3), rounds=60, every=20, test=(x, y))
    first, last = fit.history[0], fit.history[-1]
    edges = ["weight_1", "activation_1", "weight_2", "output"]
    assert [it.step for it in fit.history] == [0, 20, 40, 60]
    assert list(last.tension) == list(last.discord) == edges
    assert set(last.discord.values()) == {0.0}  # the stalks equal the forward pass
    assert list(last.step_norm) == ["weight_1", "weight_2"]
    assert last.tension["output"] < fit.history[1].tension["output"]
    silent = np.all(fit.network.forward_cochain(x)["z1"] < 0.0, axis=1)
    assert silent[0]
    assert last.train.inactive == {"z1": silent.sum()}
    p = fit.network.forward(x)
    right = p.argmax(axis=0) == y.argmax(axis=0)
    assert last.train.accuracy == right.mean()
    assert last.train.saturated == (np.minimum(p, 1.0 - p) < 1e-3).mean()
    assert first.train.saturated == 0.0
    assert last.train == last.test


def test_divergence_names_the_map_and_keeps_the_last_good_network() -> None:
    net, x, y = problem("identity", 0)
    for runtime in (sn.Lockstep(), sn.Simulator()):
        fit = sn.train(net, x, 1e3 * y, optimiser=sn.Sgd(10.0), rounds=500, runtime=runtime)
        assert fit.diverged is not None
        assert "of the map 'weight_" in fit.diverged
        assert "lower the rate" in fit.diverged
        assert np.isfinite(flat(fit.network)).all()
        assert not np.array_equal(flat(fit.network), flat(net))


def test_patience_ends_with_the_best_network() -> None:
    task = golden.load_task("circular")
    fit = sn.train(
        task.network, *task.train, optimiser=sn.Adam(0.5, beta2=0.9), rounds=5000, every=5,
        patience=4, test=task.test,
    )  # fmt: skip
    assert fit.stopped
    losses = [it.test_loss for it in fit.history]
    best = min(loss for loss in losses if loss is not None)
    assert losses[-5] == best
    assert assess(fit.network, *task.test).loss == best


@pytest.mark.parametrize(
    ("change", "error", "expected"),
    [
        ({"batch_size": 7}, InputError, "batch_size is 7; it must be from 1 to 6"),
        ({"batch_size": 0}, InputError, "batch_size is 0"),
        ({"optimiser": None}, InputError, "give an optimiser"),
        ({"rounds": None}, InputError, "either rounds or epochs"),
        ({"epochs": 2}, InputError, "either rounds or epochs"),
        ({"rounds": 2.5}, InputError, "rounds is 2.5; it must be a whole number"),
        ({"batch_size": 2.0}, InputError, "batch_size is 2.0; it must be a whole number"),
        ({"optimiser": sn.Adam}, InputError, "is no optimiser"),
        ({"rule": "nudge"}, UnknownNameError, "did you mean 'nudged'"),
        ({"test": (X,)}, InputError, "a pair of inputs and targets"),
        ({"y": [[1.0, 2.0], [3.0]]}, InputError, "targets: not an array of numbers"),
        ({"y": np.arange(6) / 6.0}, InputError, "labels must be whole numbers"),
        ({"y": 5.0 * Y}, InputError, "targets of a softmax are from 0 to 1, got 0 to 5"),
        ({"y": 0.25 * np.ones((2, 6))}, InputError, "every column sums to 1"),
        ({"rounds": None, "epochs": -1.0}, InputError, "epochs is -1"),
        ({"rule": sn.Relax(sweeps=20)}, InputError, "a step takes 20"),
        ({"rule": sn.Prox()}, RuleError, "Prox does not learn"),
        ({"every": 0}, InputError, "every is 0"),
        ({"patience": 0}, InputError, "patience is 0"),
        ({"batches_in_flight": 0}, InputError, "batches_in_flight is 0"),
        (
            {"rule": sn.Joint(1.0, 0.1, 0.1), "batches_in_flight": 2},
            InputError,
            "leave batches_in_flight out",
        ),
        ({"label_smoothing": 1.0}, InputError, "label_smoothing is 1.0"),
        ({"y": np.full((2, 6), np.nan)}, NonFiniteError, "targets"),
        ({"y": np.zeros((3, 6))}, ShapeError, "targets: expected shape"),
        ({"y": np.arange(6)}, InputError, "there are 2 classes"),
        ({"test": (X, np.arange(6))}, InputError, "there are 2 classes"),
        ({"test": (X, np.zeros((3, 6)))}, ShapeError, "test targets: expected shape"),
        ({"test": (X[:, :0], Y[:, :0])}, InputError, "test inputs: the batch is empty"),
        (
            {"rule": sn.Joint(1.0, 0.1, 0.1), "batch_size": 3},
            InputError,
            "Joint has no batches",
        ),
        ({"rule": sn.Joint(dt=0.1), "optimiser": None}, RuleError, "give beta and dt"),
    ],
)
def test_what_cannot_be_learned_is_refused(
    change: dict[str, Any], error: type[Exception], expected: str
) -> None:
    arguments: dict[str, Any] = {"x": X, "y": Y, "optimiser": sn.Adam(0.1), "rounds": 10} | change
    with pytest.raises(error, match=expected):
        sn.train(NET, **arguments)


def test_steps_are_for_training_only() -> None:
    for rule in (sn.Nudged(), sn.Relax()):
        with pytest.raises(RuleError, match="use train"):
            sn.infer(NET.to_sheaf(), [sn.Pin("a0", X)], rule=rule)


def test_joint_is_not_over_when_stalks_are_stationary() -> None:
    net = sn.ReluNetwork([[[1.0, 2.0]]], [[0.0]])
    x, y = [[1.0, 2.0, 0.0, 3.0], [0.0, 1.0, 1.0, 1.0]], [[5.0, 8.0, 2.0, 1.0]]
    # After the first step on these data the stalk is exactly stationary for the old map.
    fit = sn.train(net, x, y, rule=sn.Joint(beta=0.25, dt=0.5), rounds=10, every=1)
    assert [it.step for it in fit.history] == list(range(11))
    assert fit.history[2].train_loss != fit.history[1].train_loss


def test_the_digest_tells_networks_apart() -> None:
    net, x, y = problem("softmax", 0)
    for runtime in (sn.Lockstep(), sn.Simulator()):
        digests = {
            sn.train(
                net, x, y, optimiser=sn.Sgd(rate), rounds=1, runtime=runtime
            ).record.trace_digest
            for rate in (0.1, 0.2)
        }
        assert len(digests) == 2
