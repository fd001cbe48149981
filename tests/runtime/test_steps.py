"""Training in steps: what maps learn from, and that where and how it runs changes nothing."""

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
from sheafnet.core.arrays import Array
from sheafnet.core.assessment import assess
from sheafnet.dynamics.training.learning_rule import LearningRule
from sheafnet.dynamics.training.map_learner import MapLearner
from sheafnet.errors import InputError, NonFiniteError, RuleError, ShapeError, UnknownNameError
from sheafnet.runtime.hosts.host import Host
from sheafnet.runtime.jobs.batches import Shuffled
from tests import golden
from tests.compiled import interpreted_only

OUTPUTS = ["identity", "sigmoid", "softmax"]
STEEP: dict[str, Any] = {"optimiser": sn.Sgd(1.0), "rounds": 1}


def problem(output: str, seed: int, widths: tuple[int, ...] = (3, 5, 4, 2)) -> tuple[Any, ...]:
    """Return a network with biases, inputs and targets."""
    rng = np.random.default_rng(seed)
    net = sn.ReluNetwork.random(widths, rng, output)
    biases = [0.3 * rng.standard_normal(len(b)) for b in net.biases]
    net = sn.ReluNetwork(net.weights, biases, output)
    x = rng.standard_normal((widths[0], 6))
    y = rng.standard_normal((widths[-1], 6))
    if output != "identity":
        y = np.eye(widths[-1])[:, rng.integers(0, widths[-1], 6)]
    return net, x, y


def step_of(net: sn.ReluNetwork, x: Array, y: Array, rule: LearningRule, **more: Any) -> Array:
    """Return what one step of rate 1 took off all weights and biases, flattened."""
    fit = sn.train(net, x, y, rule=rule, optimiser=sn.Sgd(1.0), rounds=rule.rounds_per_step, **more)
    return flat(net) - flat(fit.network)


def flat(net: sn.ReluNetwork) -> Array:
    return np.concatenate([part.ravel() for part in (*net.weights, *net.biases)])


def moved(net: sn.ReluNetwork, change: Array) -> sn.ReluNetwork:
    """Return the network with this added to all weights and biases, flattened."""
    at, parts = flat(net) + change, []
    for part in (*net.weights, *net.biases):
        parts.append(at[: part.size].reshape(part.shape))
        at = at[part.size :]
    layers = len(net.weights)
    return sn.ReluNetwork(parts[:layers], parts[layers:], net.output)


def numerical_gradient(net: sn.ReluNetwork, x: Array, y: Array) -> Array:
    width, slopes = 1e-5, []
    for change in width * np.eye(len(flat(net))):
        ahead, behind = (assess(moved(net, by), x, y).loss for by in (change, -change))
        slopes.append((ahead - behind) / (2.0 * width))
    return np.array(slopes)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("seed", range(4))
def test_nudged_takes_the_gradient_of_the_loss(output: str, seed: int) -> None:
    net, x, y = problem(output, seed)
    step = step_of(net, x, y, sn.Nudged())
    np.testing.assert_allclose(step, numerical_gradient(net, x, y), rtol=0, atol=1e-6)


@pytest.mark.parametrize("output", OUTPUTS)
def test_relax_settled_is_off_by_a_multiple_of_its_strength(output: str) -> None:
    net, x, y = problem(output, 1, (3, 6, 2))
    gradient = step_of(net, x, y, sn.Nudged())
    strengths = np.array([1e-4, 1e-5, 1e-6])
    errors = []
    for strength in strengths:
        sweeps = settled_after(net, x, y, strength)
        step = step_of(net, x, y, sn.Relax(strength, sweeps=sweeps))
        errors.append(np.linalg.norm(step - gradient) / np.linalg.norm(gradient))
    slope = np.polyfit(np.log(strengths), np.log(errors), 1)[0]
    assert slope == pytest.approx(1.0, abs=0.05)
    assert errors[-1] <= 1e-4


def settled_after(net: sn.ReluNetwork, x: Array, y: Array, strength: float) -> int:
    """Return after how many sweeps the stalks move by less than 1e-12 of their pull in one."""
    before, sweeps = step_of(net, x, y, sn.Relax(strength, sweeps=50)), 100
    while True:
        now = step_of(net, x, y, sn.Relax(strength, sweeps=sweeps))
        if np.abs(now - before).max() <= 1e-12 / strength:
            return sweeps
        before, sweeps = now, 2 * sweeps
        assert sweeps < 10_000


def test_one_sweep_of_relax_is_backpropagation_in_a_local_metric() -> None:
    net, x, y = problem("identity", 3)
    strength = 1e-7
    forward = net.forward_cochain(x)
    tension = 2.0 / y.shape[0] * (forward["z3"] - y)
    expected = []
    for layer in (3, 2, 1):
        W = net.weights[layer - 1]
        if layer < 3:
            pulled = net.weights[layer].T @ tension
            tension = 0.5 * (forward[f"z{layer}"] >= 0.0) * pulled
        if layer > 1:
            tension = np.linalg.solve(np.eye(len(W)) + W @ W.T, tension)
        expected.append(tension @ forward[f"a{layer - 1}"].T / x.shape[1])
    step = step_of(net, x, y, sn.Relax(strength))
    sizes = np.cumsum([W.size for W in net.weights])[:-1]
    for W, own in zip(reversed(expected), np.split(step, sizes), strict=False):
        np.testing.assert_allclose(own[: W.size], W.ravel(), rtol=0, atol=1e-5)


def test_any_rule_that_relaxes_moves_the_stalks() -> None:
    net, x, y = problem("softmax", 0, (3, 6, 2))
    steps = [
        step_of(net, x, y, sn.Relax(1e-4, sweeps=1500, stalks=stalks))
        for stalks in (sn.Prox("keep"), sn.Heat(), sn.Sor(1.3))
    ]
    np.testing.assert_allclose(steps[1], steps[0], rtol=0, atol=1e-7)
    np.testing.assert_allclose(steps[2], steps[0], rtol=0, atol=1e-7)


OPTIMISERS = [sn.Sgd(0.05, momentum=0.9), sn.Adam(0.02), sn.Kron(0.1, weight_decay=0.01)]
ROUGH = {"loss": 0.3, "duplication": 0.1, "latency": sn.Uniform(0.0, 8.0), "slow": {"layer_1": 9.0}}


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


VERTICES = ("a0", "z1", "a1", "z2", "a2")


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
    """In every incarnation the batches of a map follow each other, from its snapshot on."""
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
    """Of a batch in flight a vertex has a message or two of each neighbour, and a stalk."""
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


def test_history_tells_of_edges_units_and_outputs() -> None:
    net, x, y = problem("softmax", 0, (3, 5, 2))
    dead = sn.ReluNetwork(net.weights, [np.array([-99.0, 0, 0, 0, 0]), net.biases[1]], "softmax")
    fit = sn.train(dead, x, y, optimiser=sn.Adam(0.3), rounds=60, every=20, test=(x, y))
    first, last = fit.history[0], fit.history[-1]
    edges = ["weight_1", "activation_1", "weight_2", "output"]
    assert [it.step for it in fit.history] == [0, 20, 40, 60]
    assert list(last.tension) == list(last.discord) == edges
    assert set(last.discord.values()) == {0.0}  # stalks sit on the forward pass
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


def test_relax_leaves_discord_where_nudged_leaves_none() -> None:
    net, x, y = problem("identity", 0)
    fit = sn.train(net, x, y, rule=sn.Relax(0.1), optimiser=sn.Sgd(0.01), rounds=3)
    last = fit.history[-1]
    for edge, discord in last.discord.items():
        assert discord == pytest.approx(0.01 * last.tension[edge], rel=1e-9)
        assert discord > 0.0


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


def test_weight_decay_schedules_and_clips_are_the_owners() -> None:
    net, x, y = problem("identity", 0)
    still = sn.train(
        net, x, net.forward(x), optimiser=sn.Sgd(0.5, weight_decay=0.1), rounds=1
    ).network
    np.testing.assert_allclose(still.weights[0], 0.95 * net.weights[0], rtol=1e-12)
    np.testing.assert_allclose(still.biases[0], net.biases[0], rtol=1e-12)
    slow = sn.Sgd(1.0, schedule="cosine", warmup=4)
    rates = [slow.rate_at(step, 12) for step in range(13)]
    assert rates[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert rates[8] == pytest.approx(0.5)
    assert rates[12] == 0.0
    clipped = sn.train(net, x, 1e3 * y, optimiser=sn.Sgd(1.0, clip=0.01), rounds=1)
    for layer, length in enumerate(clipped.history[-1].step_norm.values()):
        whole = np.hypot(np.linalg.norm(net.weights[layer]), np.linalg.norm(net.biases[layer]))
        assert length == pytest.approx(0.01 * whole, rel=1e-12)


def test_adam_and_momentum_follow_their_formulas() -> None:
    net = sn.ReluNetwork([[[2.0]]], [[0.0]])
    x, y = np.array([[1.0]]), np.array([[0.0]])
    weights = []
    for optimiser in (sn.Sgd(0.1, momentum=0.5), sn.Adam(0.1, beta1=0.5, beta2=0.75)):
        fit = sn.train(net, x, y, optimiser=optimiser, rounds=2)
        weights.append(fit.network.weights[0].item())
    # W and b have the same gradient g = 2 (W + b), and move alike.
    g1, w1 = 4.0, 2.0 - 0.4
    g2 = 2.0 * (w1 - 0.4)
    assert weights[0] == pytest.approx(w1 - 0.1 * (0.5 * g1 + g2), rel=1e-12)
    a1 = 2.0 - 0.1
    h2 = 2.0 * (a1 - 0.1)
    m, v = 0.25 * 4.0 + 0.5 * h2, 0.1875 * 16.0 + 0.25 * h2**2
    step = 0.1 * (m / 0.75) / (np.sqrt(v / 0.4375) + 1e-8)
    assert weights[1] == pytest.approx(a1 - step, rel=1e-9)


def test_kron_whitens_both_sides() -> None:
    rng = np.random.default_rng(0)
    direction = sn.Kron(1.0, damping=1e-12, momentum=0.0).direction()
    stalk, tension = rng.standard_normal((4, 50)), rng.standard_normal((3, 50))
    extended = np.concatenate([stalk, np.ones((1, 50))])
    A, G = extended @ extended.T / 50, tension @ tension.T / 50
    g = tension @ extended.T / 50
    expected = np.linalg.solve(G, g) @ np.linalg.inv(A)
    np.testing.assert_allclose(direction(stalk, tension), expected, rtol=1e-4)
    # A change of basis on either side is undone: the step is the same function.
    M, N = rng.standard_normal((4, 4)), rng.standard_normal((3, 3))
    again = sn.Kron(1.0, damping=1e-12, momentum=0.0).direction()
    moved = again(M @ stalk, np.linalg.inv(N).T @ tension)
    np.testing.assert_allclose(moved[:, :-1] @ M, N @ expected[:, :-1], rtol=1e-3, atol=1e-4)


def test_single_precision_stays_single() -> None:
    net, x, y = problem("softmax", 0)
    single = net.astype("float32")
    fit = sn.train(single, x, y, rule=sn.Relax(), optimiser=sn.Kron(0.05), rounds=20)
    assert {W.dtype for W in fit.network.weights} == {np.dtype(np.float32)}
    double = sn.train(net, x, y, rule=sn.Relax(), optimiser=sn.Kron(0.05), rounds=20)
    assert fit.history[-1].train_loss == pytest.approx(double.history[-1].train_loss, rel=1e-2)


def test_tasks_are_drawn_by_seed_and_as_published() -> None:
    train, test = sn.task("paraboloid", samples=2000, test=10, seed=1)
    noise = train.y[0] - (train.x**2).sum(axis=0) + 2.0 / 3.0
    assert noise.std() == pytest.approx(0.02, rel=0.1)
    assert test.x.shape == (2, 10)
    again, _ = sn.task("paraboloid", samples=2000, test=10, seed=1)
    np.testing.assert_array_equal(train.x, again.x)
    circle, _ = sn.task("circular")
    radius = np.hypot(*circle.x)
    assert (radius[circle.y[0] == 1.0] > 1.0).all()
    assert sn.task("blobs")[0].y.sum(axis=1).min() > 60
    assert sn.task("saddle")[0].x.min() >= 0.0
    with pytest.raises(UnknownNameError, match="did you mean 'saddle'"):
        sn.task("sadle")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least 1 of each"):
        sn.task("saddle", samples=0)


NET, X, Y = problem("softmax", 0)


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


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: sn.Adam(0.0), "adam: rate is 0.0"),
        (lambda: sn.Adam(0.1, beta1=1.0), "beta1 is 1.0"),
        (lambda: sn.Adam(0.1, epsilon=0.0), "epsilon is 0.0"),
        (lambda: sn.Sgd(0.1, momentum=1.0), "sgd: momentum is 1.0"),
        (lambda: sn.Sgd(0.1, weight_decay=-1.0), "weight_decay is -1.0"),
        (lambda: sn.Sgd(0.1, warmup=-1), "warmup is -1"),
        (lambda: sn.Sgd(0.1, schedule="cosin"), "did you mean 'cosine'"),  # type: ignore[arg-type]
        (lambda: sn.Kron(0.1, damping=0.0), "kron: damping is 0.0"),
        (lambda: sn.Kron(0.1, momentum=-0.5), "momentum is -0.5"),
        (lambda: sn.Kron(0.1, clip=0.0), "clip is 0.0"),
        (lambda: sn.Relax(0.0), "relax: strength is 0.0"),
        (lambda: sn.Relax(sweeps=0), "sweeps is 0"),
        (lambda: sn.Relax(sweeps=math.nan), "sweeps is nan"),  # type: ignore[arg-type]
        (lambda: sn.Relax(stalks=sn.Coboundary()), "Coboundary cannot move stalks"),
        (lambda: sn.Joint(stalks=sn.ActiveSet()), "ActiveSet cannot move stalks"),
        (lambda: sn.Joint(stalks=sn.Sor()), "cannot take turns"),
        (sn.Joint, "give dt, or a rule for the stalks"),
    ],
)
def test_settings_are_checked(make: Any, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        make()


def test_steps_are_for_training_only() -> None:
    for rule in (sn.Nudged(), sn.Relax()):
        with pytest.raises(RuleError, match="use train"):
            sn.infer(NET.to_sheaf(), [sn.Pin("a0", X)], rule=rule)


@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=lambda o: type(o).__name__)
@pytest.mark.parametrize("rule", [sn.Nudged(), sn.Relax(sweeps=2)], ids=["nudged", "relax"])
@pytest.mark.parametrize(("seed", "batches_in_flight"), [(0, 1), (1, 3)])
def test_hosts_that_crash_change_nothing(
    rule: LearningRule, optimiser: sn.Optimiser, seed: int, batches_in_flight: int
) -> None:
    """All go back to the last snapshot, under another name, and take the same steps again."""
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


def test_joint_is_not_over_when_stalks_are_stationary() -> None:
    net = sn.ReluNetwork([[[1.0, 2.0]]], [[0.0]])
    x, y = [[1.0, 2.0, 0.0, 3.0], [0.0, 1.0, 1.0, 1.0]], [[5.0, 8.0, 2.0, 1.0]]
    # After the first step of these the stalk is exactly where the old map would have it.
    fit = sn.train(net, x, y, rule=sn.Joint(beta=0.25, dt=0.5), rounds=10, every=1)
    assert [it.step for it in fit.history] == list(range(11))
    assert fit.history[2].train_loss != fit.history[1].train_loss


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


def test_a_layer_of_zeros_learns_with_a_bounded_step() -> None:
    net, x, y = problem("sigmoid", 0, (2, 8, 1))
    y = (x[:1] > 0.0).astype(float)
    blank = sn.ReluNetwork(
        [net.weights[0], 0.0 * net.weights[1]], [net.biases[0], 0.0 * net.biases[1]], "sigmoid"
    )
    fit = sn.train(blank, x, y, optimiser=sn.Kron(0.1), rounds=300)
    assert fit.history[-1].train_loss < 0.1 * fit.history[0].train_loss
