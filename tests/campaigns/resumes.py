"""Trainings that are killed and resumed, compared with one that is left alone.

    python -m tests.campaigns.resumes 10 lockstep|simulator|cluster

Each time `sheafnet run` is killed with SIGKILL, with all its processes, at a random moment after
its first checkpoint, and `sheafnet run --resume` continues. It prints the step of the checkpoint at
which the run continued, and the deviation of the weights from those of the run that was left alone.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import sheafnet as sn
from sheafnet.observe.checkpoint_writer import checkpoints
from tests.support.processes import Command, sheafnet

LENGTHS = {
    "lockstep": ("training.epochs=1600", "training.every=20", "training.batches_in_flight=2"),
    "simulator": ("training.epochs=320", "training.every=5", "training.batches_in_flight=2"),
    "cluster": ("training.epochs=80", "training.every=5", "training.batches_in_flight=2"),
}
"""Settings for each runtime that give about ten seconds of training."""

LONGEST = 180.0


def begin(runtime: str, directory: Path) -> Command:
    """Start a training in a process of its own."""
    settings = [f"runtime.kind={runtime}", *LENGTHS[runtime]]
    options = [word for setting in settings for word in ("--set", setting)]
    return sheafnet("run", "train-blobs", *options, "--out", str(directory))


def succeed(command: Command) -> None:
    """Wait until the command ends, and check that its exit code is 0."""
    code, _, errors = command.finish(LONGEST)
    assert code == 0, errors


def await_checkpoint(command: Command, directory: Path) -> None:
    """Wait until the run has written its first checkpoint."""
    while not (directory.exists() and checkpoints(directory)):
        assert command.process.poll() is None, command.finish(1)


def kill(command: Command, directory: Path, patience: float) -> int:
    """Kill the run ``patience`` seconds after its first checkpoint; return the step of its last."""
    await_checkpoint(command, directory)
    # The moment is random, so there is no event to wait for.
    time.sleep(patience)
    assert command.process.poll() is None, "it was over before it was killed"
    os.killpg(command.process.pid, signal.SIGKILL)
    command.finish(30)
    assert not command.wait_until_gone(60)
    return checkpoints(directory)[-1][0]


def apart(one: Path, other: Path) -> float:
    """Return the largest difference between the networks of two runs."""
    networks = [sn.ReluNetwork.load(folder / "network.npz") for folder in (one, other)]
    pairs = zip(*(network.layers for network in networks), strict=True)
    return max(
        float(max(np.abs(a.matrix - b.matrix).max(), np.abs(a.bias - b.bias).max()))
        for a, b in pairs
    )


def main(times: int, runtime: str) -> int:
    """Kill ``times`` runs and print each result; return the number with a deviation."""
    wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "whole"
        command = begin(runtime, whole)
        await_checkpoint(command, whole)
        began = time.monotonic()
        succeed(command)
        lasts = time.monotonic() - began
        for seed in range(times):
            directory = Path(scratch) / f"killed-{seed}"
            # A part of that time goes to the files that are written at the end.
            patience = random.Random(seed).uniform(0.0, 0.8 * lasts)
            step = kill(begin(runtime, directory), directory, patience)
            succeed(sheafnet("run", "--resume", str(directory)))
            deviation = apart(directory, whole)
            wrong += deviation > (1e-12 if runtime == "cluster" else 0.0)
            print(
                f"{runtime}: killed {patience:.2f} s after its first checkpoint, went on from step "
                f"{step}, deviation {deviation:.1e}",
                flush=True,
            )
    return wrong


if __name__ == "__main__":
    sys.exit(bool(main(int(sys.argv[1]), sys.argv[2])))
