"""A network of the size of MNIST's, trained in lockstep and by PyTorch.

    pip install torch==2.13.0
    python -m tests.bench.large

The network is 784-128-64-10, with 4,000 samples, batches of 64 and ten epochs of Adam at rate
0.001. Both precisions are measured with one BLAS thread and with as many as there are processors,
each in a process of its own. It prints wall-clock seconds (median, least and most of
``REPETITIONS``, in turns), their ratio, and the final losses. The samples are ten prototypes with
noise, since only the amount of arithmetic matters here.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from typing import Any, NamedTuple

import numpy as np

import sheafnet as sn
from sheafnet.core.arrays import Array
from tests.bench.training import torch_problem

WIDTHS = [784, 128, 64, 10]
SAMPLES = 4000
BATCH = 64
EPOCHS = 10
RATE = 1e-3
REPETITIONS = 5
PRECISIONS = ("float32", "float64")


class Trained(NamedTuple):
    """The seconds of a training and its final loss."""

    seconds: float
    loss: float


def samples() -> tuple[Array, Any]:
    """Return inputs and labels."""
    rng = np.random.default_rng(0)
    prototypes = rng.uniform(0.0, 1.0, (WIDTHS[0], WIDTHS[-1]))
    labels = rng.integers(0, WIDTHS[-1], SAMPLES)
    noise = rng.uniform(0.0, 1.0, (WIDTHS[0], SAMPLES))
    return 0.5 * prototypes[:, labels] + 0.5 * noise, labels


def ours(net: sn.ReluNetwork, precision: str) -> Trained:
    """Train by tensions, with an evaluation at the end of each epoch."""
    x, labels = samples()
    single = net.astype(precision)
    began = time.perf_counter()
    fit = sn.train(
        single, x.astype(precision), labels, optimiser=sn.Adam(RATE), epochs=EPOCHS,
        batch_size=BATCH,
    )  # fmt: skip
    return Trained(time.perf_counter() - began, fit.history[-1].train_loss)


def theirs(net: sn.ReluNetwork, precision: str) -> Trained:
    """Train with PyTorch, with an evaluation at the end of each epoch."""
    import torch

    x, labels = samples()
    model, loss_of, inputs, aims = torch_problem(net, x, np.eye(WIDTHS[-1])[:, labels])
    kind = getattr(torch, precision)
    model, inputs, aims = model.to(kind), inputs.to(kind), aims.to(kind)
    optimiser = torch.optim.Adam(model.parameters(), RATE)
    generator = torch.Generator().manual_seed(0)
    loss = float("nan")
    began = time.perf_counter()
    for _ in range(EPOCHS):
        for columns in torch.randperm(SAMPLES, generator=generator).split(BATCH):
            optimiser.zero_grad()
            loss_of(model(inputs[columns]), aims[columns]).backward()
            optimiser.step()
        with torch.no_grad():
            loss = loss_of(model(inputs), aims).item()
    return Trained(time.perf_counter() - began, loss)


def compare(threads: int) -> None:
    """Print a row of the table for each precision."""
    import torch

    torch.set_num_threads(threads)
    net = sn.ReluNetwork.random(WIDTHS, 0, "softmax")
    for precision in PRECISIONS:
        pairs = [(ours(net, precision), theirs(net, precision)) for _ in range(REPETITIONS)]
        here, there = ([pair[side].seconds for pair in pairs] for side in (0, 1))
        ratio = statistics.median(here) / statistics.median(there)
        losses = ", ".join(f"{trained.loss:.2e}" for trained in pairs[-1])
        row = (str(threads), precision, _spread(here), _spread(there), f"{ratio:.2f}", losses)
        print("| " + " | ".join(row) + " |", flush=True)


def _spread(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f}, {min(seconds):.2f} to {max(seconds):.2f}"


def main() -> None:
    """Print the table."""
    print("| threads | precision | lockstep, s | PyTorch, s | ratio | losses |")
    print("|---|---|---|---|---|---|", flush=True)
    for threads in dict.fromkeys((os.cpu_count() or 1, 1)):
        limits = {name: str(threads) for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")}
        command = [sys.executable, "-m", "tests.bench.large", str(threads)]
        subprocess.run(command, check=True, env=os.environ | limits)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        compare(int(sys.argv[1]))
    else:
        main()
