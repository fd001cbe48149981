"""Strictly local training beside PyTorch, on the same data from the same start.

    pip install torch==2.13.0
    python -m tests.bench.training [tasks|digits|all|nothing] [--draw FILE]

*tasks*: the four tasks of Bosca & Ghrist 2026, with the full batch. For each way of training it
prints the rounds, the messages between vertices (none for PyTorch) and the seconds until the
training loss is below the one that gradient descent reaches in the authors' 100,000 steps: from the
authors' start, and the median and the largest number of rounds over He starts. PyTorch has the best
of three rates. It computes its loss in every step, as ours does at every evaluation. Seconds are
the median of ``REPETITIONS``, in turns.

*digits*: 64-32-10, batches of 64, ten epochs. The settings of each way are chosen on a fifth of the
training split (for PyTorch's Adam, the rate). It is then trained on the whole training split with
five seeds, and tested.

Seconds are wall-clock time, on one BLAS thread and one PyTorch thread, which is its fastest here.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import sheafnet as sn
from sheafnet.core.arrays import Array
from sheafnet.dynamics.training.learning_rule import LearningRule
from tests.support import golden
from tests.support.digits import Digits, digits

REPETITIONS = 5
STARTS = 10
ROUNDS = 1000
TORCH_ROUNDS = 3000
EVALUATE_EVERY = 5
TORCH_RATES = (0.01, 0.03, 0.1)

ADAM = sn.Adam(0.1, schedule="cosine", beta2=0.97)
KRON = sn.Kron(0.1, schedule="cosine", damping=1e-4, momentum=0.9, clip=0.05)


@dataclass(frozen=True)
class Way:
    """A rule and an optimiser."""

    title: str
    rule: LearningRule
    optimiser: sn.Optimiser
    rounds: int = ROUNDS

    def fit(self, net: sn.ReluNetwork, task: golden.Task, rounds: int, every: int) -> sn.Fit:
        """Train ``net`` on ``task``, with an evaluation every ``every`` steps."""
        return sn.train(
            net,
            *task.train,
            rule=self.rule,
            optimiser=self.optimiser,
            rounds=rounds,
            every=every,
        )


NUDGED = Way("`nudged`, `adam`", sn.Nudged(), ADAM)
WAYS = (
    NUDGED,
    Way("`nudged`, `kron`", sn.Nudged(), KRON),
    Way("`relax`, K = 1, `kron`", sn.Relax(0.1), KRON),
    Way("`relax`, K = 10, `kron`", sn.Relax(0.1, sweeps=10), KRON, 10 * ROUNDS),
)


class Reached(NamedTuple):
    """The rounds and seconds until the target loss; if never reached, None and all seconds."""

    rounds: int | None
    seconds: float


def starts(task: golden.Task) -> list[sn.ReluNetwork]:
    """Return the network at the authors' start and at He starts."""
    net = task.network
    return [net, *(sn.ReluNetwork.random(net.widths, s, net.output) for s in range(STARTS))]


def reached(
    way: Way, net: sn.ReluNetwork, task: golden.Task, target: float
) -> tuple[int | None, bool]:
    """Return the first round with a loss below the target, and whether the last is below it."""
    history = way.fit(net, task, way.rounds, EVALUATE_EVERY).history
    first = next(
        (it.step * way.rule.rounds_per_step for it in history if it.train_loss <= target), None
    )
    return first, history[-1].train_loss <= target


def ours(way: Way, task: golden.Task, target: float) -> Callable[[], Reached]:
    """Return a function that trains until the target loss, with the evaluations of ``way``."""

    class Until(sn.Observer):
        def __init__(self) -> None:
            self.rounds: int | None = None
            self.job: sn.Training | None = None

        def evaluated(self, evaluation: sn.Evaluation) -> None:
            """Stop once the loss is below the target."""
            if self.rounds is None and evaluation.train_loss <= target and self.job is not None:
                self.rounds = evaluation.step
                self.job.stop()

    def run() -> Reached:
        until = Until()
        began = time.perf_counter()
        until.job = sn.prepare_training(
            task.network,
            *task.train,
            rule=way.rule,
            optimiser=way.optimiser,
            rounds=way.rounds,
            every=EVALUATE_EVERY,
            observer=until,
        )
        until.job.execute()
        return Reached(until.rounds, time.perf_counter() - began)

    return run


def torch_adam(net: sn.ReluNetwork, task: golden.Task, target: float, rate: float) -> Reached:
    """Train with PyTorch until the loss is below the target."""
    import torch

    model, loss_of, x, y = torch_problem(net, *task.train)
    began = time.perf_counter()
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    for step in range(TORCH_ROUNDS):
        loss = loss_of(model(x), y)
        if loss.item() <= target:
            return Reached(step, time.perf_counter() - began)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return Reached(None, time.perf_counter() - began)


def torch_problem(net: sn.ReluNetwork, x: Array, y: Array) -> tuple[Any, Any, Any, Any]:
    """Return the same network, loss and data for PyTorch."""
    import torch
    from torch.nn import functional

    layers: list[Any] = []
    for W, b in zip(net.weights, net.biases, strict=True):
        layer = torch.nn.Linear(W.shape[1], W.shape[0], dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(np.array(W)))
            layer.bias.copy_(torch.tensor(np.array(b)))
        layers += [layer, torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    losses = {
        "identity": functional.mse_loss,
        "sigmoid": functional.binary_cross_entropy_with_logits,
        "softmax": functional.cross_entropy,
    }
    aims = torch.tensor(np.array(y.T))
    return model, losses[net.output], torch.tensor(np.array(x.T)), aims


def tasks() -> None:
    """Print the table of the tasks."""
    print("| way | " + " | ".join(golden.TASKS) + " |")
    print("|---|" + "---|" * len(golden.TASKS))
    rows: dict[str, list[str]] = {}
    for name in golden.TASKS:
        task = golden.load_task(name)
        target = float(task.arrays["sgd_train_loss"][-1])
        edges = len(task.network.to_sheaf().edges)
        clocks: dict[str, list[Reached]] = {}
        runs: dict[str, Callable[[], Reached]] = {w.title: ours(w, task, target) for w in WAYS}
        runs |= {
            f"PyTorch Adam, {rate:g}": partial(torch_adam, task.network, task, target, rate)
            for rate in TORCH_RATES
        }
        long = {way.title for way in WAYS if way.rounds > ROUNDS}
        for repetition in range(REPETITIONS):
            for title, run in runs.items():
                if repetition == 0 or title not in long:
                    clocks.setdefault(title, []).append(run())
        for way in WAYS:
            found = [reached(way, net, task, target) for net in starts(task)]
            rounds = [first for first, _ in found if first is not None]
            stays = sum(last for _, last in found[1:])
            seconds = statistics.median(each.seconds for each in clocks[way.title])
            first = found[0][0]
            said = (
                "never" if first is None else f"{first:,} / {2 * edges * first:,} / {seconds:.3f}"
            )
            worst = f"{max(rounds):,}" if len(rounds) == len(found) else "never"
            rows.setdefault(way.title, []).append(
                f"{said}; {statistics.median(rounds):,.0f}, {worst}; {stays} of {STARTS}"
            )
        seconds_of = {
            title: statistics.median(each.seconds for each in clocks[title])
            for title in runs
            if title.startswith("PyTorch") and clocks[title][0].rounds is not None
        }
        best = min(seconds_of, key=lambda title: seconds_of[title])
        rows.setdefault("PyTorch Adam", []).append(
            f"{clocks[best][0].rounds:,} / – / {seconds_of[best]:.3f} ({best.rpartition(' ')[2]})"
        )
        ratio = seconds_of[best] / statistics.median(e.seconds for e in clocks[NUDGED.title])
        rows.setdefault("ratio of seconds", []).append(f"{ratio:.2f}")
    for title, cells in rows.items():
        print(f"| {title} | " + " | ".join(cells) + " |", flush=True)


def inside(whole: Digits) -> Digits:
    """Return a split of the training samples alone, on which settings are chosen."""
    order = np.random.default_rng(0).permutation(len(whole.labels))
    fifth = len(order) // 5
    held, kept = order[:fifth], order[fifth:]
    return Digits(whole.x[:, kept], whole.labels[kept], whole.x[:, held], whole.labels[held])


Accuracy = Callable[[Digits, int], float]


def local(rule: sn.Rule, optimiser: sn.Optimiser, smoothing: float) -> Accuracy:
    """Return a function that trains by a local rule and returns the test accuracy."""

    def run(split: Digits, seed: int) -> float:
        net = sn.ReluNetwork.random([64, 32, 10], seed, "softmax")
        fit = sn.train(
            net,
            split.x,
            split.labels,
            rule=rule,
            optimiser=optimiser,
            epochs=10,
            batch_size=64,
            seed=seed,
            test=(split.xt, split.labels_t),
            label_smoothing=smoothing,
            every=10**6,
        )
        last = fit.history[-1].test
        assert last is not None
        assert last.accuracy is not None
        return last.accuracy

    return run


def by_torch(rate: float, smoothing: float, decay: float) -> Accuracy:
    """Return a function that trains with PyTorch's AdamW and a cosine schedule.

    Without decay, AdamW is Adam. The function returns the test accuracy.
    """

    def run(split: Digits, seed: int) -> float:
        import torch
        from torch.nn import functional

        net = sn.ReluNetwork.random([64, 32, 10], seed, "softmax")
        y = np.eye(10)[:, split.labels]
        model, _, x, aims = torch_problem(net, split.x, y)
        optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=decay)
        batches = -(-10 * len(aims) // 64)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, batches)
        rng = np.random.default_rng(seed)
        row = np.concatenate([rng.permutation(len(aims)) for _ in range(11)])
        for step in range(batches):
            columns = row[64 * step : 64 * step + 64]
            loss = functional.cross_entropy(
                model(x[columns]), aims[columns], label_smoothing=smoothing
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        with torch.no_grad():
            said = model(torch.tensor(np.array(split.xt.T))).argmax(1).numpy()
        return float((said == split.labels_t).mean())

    return run


def candidates() -> dict[str, dict[str, Accuracy]]:
    """Return the candidate settings of each way of training."""
    ways: dict[str, dict[str, Accuracy]] = {}
    grid = list(itertools.product((0.02, 0.05), (0.0, 0.1), (0.0, 0.1)))
    for title, rule in (("`nudged`, `kron`", sn.Nudged()), ("`relax`, `kron`", sn.Relax(0.1))):
        ways[title] = {
            f"rate {rate:g}, smoothing {s:g}, decay {d:g}": local(
                rule,
                sn.Kron(
                    rate, schedule="cosine", damping=3e-4, momentum=0.5, clip=0.05, weight_decay=d
                ),
                s,
            )
            for rate, s, d in grid
        }
    ways["PyTorch Adam"] = {f"rate {rate:g}": by_torch(rate, 0.0, 0.0) for rate in TORCH_RATES}
    ways["PyTorch AdamW, regularised"] = {
        f"rate {rate:g}, smoothing {s:g}, decay {d:g}": by_torch(rate, s, d)
        for rate, s, d in itertools.product(TORCH_RATES, (0.0, 0.1), (0.0, 0.1))
    }
    return ways


def classify() -> None:
    """Print the table of the digits."""
    whole = digits()
    chosen_on = inside(whole)
    print("| way | chosen inside the training split | test accuracy: mean | worst | seconds each |")
    print("|---|---|---|---|---|")
    for title, settings in candidates().items():
        marks = {
            said: statistics.mean(run(chosen_on, seed) for seed in range(100, 103))
            for said, run in settings.items()
        }
        best = max(marks, key=lambda said: marks[said])
        began = time.perf_counter()
        found = [settings[best](whole, seed) for seed in range(5)]
        seconds = (time.perf_counter() - began) / 5
        print(
            f"| {title} | {best} ({marks[best]:.2%}) | {statistics.mean(found):.2%} | "
            f"{min(found):.2%} | {seconds:.2f} |",
            flush=True,
        )


def draw(path: Path) -> None:
    """Draw loss against rounds for our ways, PyTorch's Adam and the authors' gradient descent."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 3.2), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(golden.TASKS)), golden.TASKS, strict=True):
        task = golden.load_task(name)
        for way in (NUDGED, *WAYS[2:3]):
            history = way.fit(task.network, task, ROUNDS, EVALUATE_EVERY).history
            axes.plot(*curve(history), label=way.title.replace("`", ""))
        joint = replace(NUDGED, title="joint, prox, adam", rule=JOINT, optimiser=sn.Adam(0.01))
        history = joint.fit(task.network, task, 3000, 20).history
        axes.plot(*curve(history), label=joint.title)
        arrays = task.arrays
        axes.plot(arrays["steps"][1:], arrays["sgd_train_loss"][1:], "k:", label="SGD (authors)")
        axes.plot(
            arrays["steps"][1:], arrays["sheaf_train_loss"][1:], "k--", label="joint (authors)"
        )
        axes.set(xscale="log", yscale="log", title=name, xlabel="rounds")
    figure.axes[0].set_ylabel("training loss")
    figure.axes[0].legend(fontsize="x-small")
    figure.savefig(path, dpi=110)
    print(f"drawn in {path}")


JOINT = sn.Joint(stalks=sn.Prox("keep"))


def curve(history: Sequence[sn.Evaluation]) -> tuple[list[int], list[float]]:
    """Return rounds and losses, without round 0, which a logarithmic axis cannot show."""
    return [it.step for it in history[1:]], [it.train_loss for it in history[1:]]


def main() -> None:
    """Print the tables and draw the picture that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "what", nargs="?", choices=["tasks", "digits", "all", "nothing"], default="all"
    )
    parser.add_argument("--draw", type=Path)
    asked = parser.parse_args()
    if asked.draw is not None:
        draw(asked.draw)
    if asked.what == "nothing":
        return
    import torch

    torch.set_num_threads(1)
    if asked.what in ("tasks", "all"):
        tasks()
    if asked.what in ("digits", "all"):
        classify()


if __name__ == "__main__":
    main()
