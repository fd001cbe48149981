"""Training resumed from a checkpoint, which must equal training without interruption."""

from __future__ import annotations

import json
import logging
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import sheafnet as sn
from sheafnet.cli import main
from sheafnet.core.npz import read_npz, write_npz
from sheafnet.errors import FileError, InputError, RuleError
from sheafnet.observe.checkpoint_writer import CheckpointWriter, checkpoints, last_checkpoint
from sheafnet.observe.jsonlines import JsonLines
from sheafnet.runtime.jobs.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from tests.support import golden
from tests.support.processes import sheafnet
from tests.support.training import OPTIMISERS, flat

TASK = golden.load_task("blobs")
SHEAF = TASK.network.to_sheaf()


class Collected(sn.Observer):
    """An observer that keeps all checkpoints."""

    def __init__(self) -> None:
        self.points: list[Checkpoint] = []

    def reached(self, checkpoint: Checkpoint) -> None:
        self.points.append(checkpoint)


def train(
    rule: sn.Rule,
    optimiser: sn.Optimiser,
    runtime: sn.Lockstep | sn.Simulator,
    observer: sn.Observer,
    resumed: Checkpoint | None = None,
    batches_in_flight: int = 1,
) -> sn.Fit:
    return sn.train(
        TASK.network, *TASK.train, rule=rule, optimiser=optimiser, epochs=4, batch_size=64,
        batches_in_flight=batches_in_flight, seed=2, every=5, runtime=runtime, observer=observer,
        resumed=resumed,
    )  # fmt: skip


@pytest.mark.parametrize("runtime", [sn.Lockstep(), sn.Simulator(loss=0.2)], ids=["step", "sim"])
@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=lambda o: type(o).__name__)
@pytest.mark.parametrize(
    ("rule", "batches_in_flight"),
    [(sn.Nudged(), 1), (sn.Relax(sweeps=2), 1), (sn.Relax(), 8)],
    ids=["nudged", "relax", "batches_in_flight"],
)
def test_it_goes_on_bit_for_bit(
    rule: sn.Rule, batches_in_flight: int, optimiser: sn.Optimiser,
    runtime: sn.Lockstep | sn.Simulator,
    tmp_path: Path,
) -> None:  # fmt: skip
    collected = Collected()
    whole = train(rule, optimiser, runtime, collected, batches_in_flight=batches_in_flight)
    assert [point.snapshot.step for point in collected.points] == [5, 10, 15, 19]
    save_checkpoint(tmp_path / "point.npz", collected.points[1])
    point = load_checkpoint(tmp_path / "point.npz", SHEAF)
    continued = train(rule, optimiser, runtime, sn.Observer(), point, batches_in_flight)
    np.testing.assert_array_equal(flat(continued.network), flat(whole.network))
    assert [it.step for it in continued.history] == [0, 5, 10, 15, 19]
    for one, other in zip(continued.history, whole.history, strict=True):
        assert replace(one, time=0.0) == replace(other, time=0.0)


@pytest.mark.parametrize("from_step", [10, 35, 50])
def test_patience_is_not_forgotten(from_step: int, tmp_path: Path) -> None:
    """Resumed training stops at the same step as uninterrupted training, with the same network."""

    def fit(observer: sn.Observer, resumed: Checkpoint | None = None) -> sn.Fit:
        return sn.train(
            TASK.network, *TASK.train, optimiser=sn.Adam(0.5, beta2=0.9), rounds=5000, every=5,
            patience=4, test=TASK.test, observer=observer, resumed=resumed,
        )  # fmt: skip

    collected = Collected()
    whole = fit(collected)
    assert whole.stopped
    end = whole.history[-1].step
    point = next(it for it in collected.points if it.snapshot.step == min(from_step, end))
    save_checkpoint(tmp_path / "point.npz", point)
    continued = fit(sn.Observer(), load_checkpoint(tmp_path / "point.npz", SHEAF))
    assert continued.stopped
    assert continued.history == whole.history
    assert continued.evaluation == whole.evaluation
    np.testing.assert_array_equal(flat(continued.network), flat(whole.network))


@pytest.mark.parametrize("batches_in_flight", [1, 3])
@pytest.mark.parametrize("runtime", [sn.Lockstep(), sn.Simulator(loss=0.2)], ids=["step", "sim"])
def test_what_is_stopped_goes_on_from_where_it_was(
    runtime: sn.Lockstep | sn.Simulator, batches_in_flight: int
) -> None:
    """Stopped training saves a checkpoint after the batches in flight, evaluation or not."""

    def fit(observer: sn.Observer, resumed: Checkpoint | None = None) -> sn.Fit:
        return sn.train(
            TASK.network, *TASK.train, rule=sn.Relax(sweeps=3), optimiser=sn.Adam(0.05), epochs=9,
            batch_size=64, batches_in_flight=batches_in_flight, every=40, runtime=runtime,
            observer=observer,
            resumed=resumed,
        )  # fmt: skip

    class Impatient(Collected):
        interval = 0.0

        def progressed(self, progress: sn.Progress) -> None:
            if progress.batches_left <= 35:  # of 43
                job.stop()

    impatient = Impatient()
    job = sn.prepare_training(
        TASK.network, *TASK.train, rule=sn.Relax(sweeps=3), optimiser=sn.Adam(0.05), epochs=9,
        batch_size=64, batches_in_flight=batches_in_flight, every=40, runtime=runtime,
        observer=impatient,
    )  # fmt: skip
    stopped = job.execute()
    assert stopped.stopped
    last = impatient.points[-1]
    assert 8 <= last.snapshot.step < 40
    assert stopped.evaluation.step == last.snapshot.step
    whole, continued = fit(sn.Observer()), fit(sn.Observer(), last)
    assert [it.step for it in continued.history] == [it.step for it in whole.history] == [0, 40, 43]
    np.testing.assert_array_equal(flat(continued.network), flat(whole.network))


def test_the_last_ones_are_kept_and_a_broken_one_is_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(sn.Nudged(), sn.Adam(0.05), sn.Lockstep(), CheckpointWriter(tmp_path, pause=0.0))
    assert [step for step, _ in checkpoints(tmp_path)] == [10, 15, 19]
    newest, middle = tmp_path / "checkpoint-19.npz", tmp_path / "checkpoint-15.npz"
    newest.write_bytes(newest.read_bytes()[:-100])
    flipped = bytearray(middle.read_bytes())
    flipped[len(flipped) // 2] ^= 1
    middle.write_bytes(flipped)
    with caplog.at_level(logging.WARNING):
        last = last_checkpoint(tmp_path, SHEAF)
    assert last is not None
    assert last.snapshot.step == 10
    assert str(newest) in caplog.text
    assert str(middle) in caplog.text


def test_checkpoints_that_cannot_be_used_do_not_crowd_out_new_ones(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for step in (100, 120, 140):
        (tmp_path / f"checkpoint-{step}.npz").write_bytes(b"of an earlier version")
    with caplog.at_level(logging.WARNING):
        assert last_checkpoint(tmp_path, SHEAF) is None
    assert "training begins anew" in caplog.text
    train(sn.Nudged(), sn.Adam(0.05), sn.Lockstep(), CheckpointWriter(tmp_path, pause=0.0))
    last = last_checkpoint(tmp_path, SHEAF)
    assert last is not None
    assert last.snapshot.step == 19


def test_what_is_no_checkpoint_of_this_training_is_refused_by_name(tmp_path: Path) -> None:
    collected = Collected()
    train(sn.Nudged(), sn.Adam(0.05), sn.Lockstep(), collected)
    path = tmp_path / "point.npz"
    save_checkpoint(path, collected.points[0])
    good = read_npz(path)
    other = sn.ReluNetwork.random([2, 7, 4], 0, "softmax").to_sheaf()
    deep = sn.ReluNetwork.random([2, 7, 7, 4], 0, "softmax").to_sheaf()
    for sheaf, expected in ((other, "a map of 'weight_1' has shape"), (deep, "with other edges")):
        with pytest.raises(FileError, match=expected):
            load_checkpoint(path, sheaf)
    for change, expected in (
        ({"format_version": np.array(1)}, "checkpoint format version 1; this is 2"),
        ({"weight_1/W": np.full((25, 2), np.nan)}, "not a checkpoint of this training"),
        ({"weight_1/memory/mean": np.zeros((1, 1))}, "does not fit its map"),
        ({"weight_1/lesson": np.zeros(2)}, "not a checkpoint of this training"),
        ({"weight_1/steps": np.array(-3)}, "weight_1/steps is -3"),
        ({"weight_1/best": np.zeros(3)}, "not a checkpoint of this training"),
        ({"weight_1/best": np.zeros((25, 3))}, "the best network is not whole"),
        ({"step": np.array(np.inf)}, "not a checkpoint of this training"),
        ({"time": np.array(np.nan)}, "its time is nan"),
        ({"history": np.frombuffer(b"[]", np.uint8)}, "its history is empty"),
        ({"weight_1/earlier": np.zeros((1, 25, 3))}, "equally many earlier maps"),
    ):
        write_npz(path, good | change)
        with pytest.raises(FileError, match=expected) as caught:
            load_checkpoint(path, SHEAF)
        assert "point.npz" in str(caught.value) or "weight_1" in str(caught.value)
    with pytest.raises(InputError, match="training with batches_in_flight 1, not 2"):
        train(
            sn.Nudged(),
            sn.Adam(0.05),
            sn.Lockstep(),
            collected,
            collected.points[0],
            batches_in_flight=2,
        )
    with pytest.raises(RuleError, match="no snapshots to go on from"):
        sn.train(
            TASK.network, *TASK.train, rule=sn.Joint(1.0, 0.1, 0.1), rounds=3,
            resumed=collected.points[0],
        )  # fmt: skip


LONG = ("--set", "runtime.kind=lockstep", "--set", "training.epochs=400", "--set",
        "training.every=20", "--out")  # fmt: skip


@pytest.mark.slow
def test_a_killed_run_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    directory = tmp_path / "run"
    command = sheafnet("run", "train-blobs", *LONG, str(directory))
    events = directory / "events.jsonl"
    for _ in iter(lambda: bool(checkpoints(directory)) if events.exists() else False, True):
        assert command.process.poll() is None
    command.process.send_signal(signal.SIGKILL)
    command.finish(30)
    assert not (directory / "result.json").exists()
    done = CliRunner().invoke(main, ["run", "--resume", str(directory)])
    assert done.exit_code == 0, done.output
    whole = CliRunner().invoke(main, ["run", "train-blobs", *LONG, "whole"])
    assert whole.exit_code == 0, whole.output
    ours, theirs = (
        sn.ReluNetwork.load(folder / "network.npz") for folder in (directory, Path("whole"))
    )
    np.testing.assert_array_equal(flat(ours), flat(theirs))
    begun = [json.loads(line)["event"] for line in events.read_text().splitlines()]
    assert begun.count("run_started") == 2


def test_resume_goes_without_other_settings(tmp_path: Path) -> None:
    for arguments in (["--resume", str(tmp_path), "digits"], [], ["--resume", str(tmp_path),
                      "--set", "seed=1"]):  # fmt: skip
        done = CliRunner().invoke(main, ["run", *arguments])
        assert done.exit_code == 2
        assert "give either CONFIG, or --resume RUN_DIR" in done.output
    done = CliRunner().invoke(main, ["run", "--resume", str(tmp_path)])
    assert done.exit_code == 2
    assert "config.yaml" in done.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_asked_to_end_leaves_a_checkpoint(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpoint is of the step that was reached, although no evaluation was due."""
    monkeypatch.chdir(tmp_path)
    usual = JsonLines.progressed

    def interrupt(self: JsonLines, progress: sn.Progress) -> None:
        if progress.rounds >= 7:
            os.kill(os.getpid(), number)
        usual(self, progress)

    settings = ("--set", "training.every=100", "--set", "runtime.kind=lockstep", "--out")
    with monkeypatch.context() as patch:
        patch.setattr(JsonLines, "progressed", interrupt)
        patch.setattr(sn.Observer, "interval", 0.0)
        stopped = CliRunner().invoke(main, ["run", "train-blobs", *settings, "run"])
    assert stopped.exit_code == 0, stopped.output
    assert "stopped before its time" in stopped.output
    ((step, _),) = checkpoints(tmp_path / "run")
    assert 7 <= step < 100
    for arguments in (["--resume", "run"], ["train-blobs", *settings, "whole"]):
        assert CliRunner().invoke(main, ["run", *arguments]).exit_code == 0
    ours, theirs = (sn.ReluNetwork.load(Path(it) / "network.npz") for it in ("run", "whole"))
    np.testing.assert_array_equal(flat(ours), flat(theirs))
