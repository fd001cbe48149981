"""Configurations of the job train: valid and invalid keys, and the training that they give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import sheafnet as sn
from sheafnet.cli import main
from sheafnet.config.builders.job import TrainJob, build_job
from sheafnet.config.load import dump_config, load_config
from sheafnet.config.shipped import find_config
from tests.support.configs import faults, write

GOOD = """
job: train
network: {kind: random, widths: [2, 3, 2], output: softmax}
data: {kind: inline, inputs: [[0.5, -1.0], [1.0, 2.0]], labels: [1, 0]}
training: {optimiser: {kind: sgd, rate: 0.1}, rounds: 5}
"""
TABLE = "height,width,kind,area\n1.0,2.0,0,2.0\n3.0,1.0,1,3.0\n2.0,2.0,1,4.0\n"


def built(folder: Path, text: str, *overrides: str) -> TrainJob:
    job = build_job(load_config(write(folder, text), overrides))
    assert isinstance(job, TrainJob)
    return job


def test_what_is_wrong_is_said_under_its_key(tmp_path: Path) -> None:
    def found(*overrides: str) -> list[str]:
        raised = faults(tmp_path, GOOD, *overrides)
        return [each.removeprefix("--set: ") for each in raised]

    assert found("rule=prox") == [
        "rule: prox does not learn; to train, take nudged, relax or joint"
    ]
    assert found("job=infer", "rule=nudged", "training=null") == [
        "rule: nudged changes the maps, which is the job train"
    ]
    assert any("training" in each and "job train" in each for each in found("job=infer"))
    assert any("give either rounds or epochs" in each for each in found("training.epochs=2"))
    assert any("goes with the job infer" in each for each in found("stop.max_rounds=5"))
    assert found("training.optimiser.kind=adm") == [
        "training.optimiser: no choice 'adm'; did you mean 'adam'?"
    ]
    assert found("training.optimiser.rat=1")[0].endswith("did you mean 'rate'?")
    assert found("data.labels=[0, 2]") == [
        "data.labels: the network has classes 0 to 1, got 0 to 2"
    ]
    assert "batch_size is 3" in found("training.batch_size=3")[0]
    assert "either labels or targets" in found("data.labels=null")[0]
    assert "either labels or targets" in found("data.targets=[[1, 0], [0, 1]]")[0]
    assert "init is for Joint" in found("init=zeros")[0]
    assert "labels need an output" in found("network.output=identity")[0]
    assert "give an optimiser" in found("training.optimiser=null")[0]
    assert "give dt or stalks" in found("rule.kind=joint")[0]
    assert (
        "Joint has no batches" in found("rule={kind: joint, dt: 0.1}", "training.batch_size=1")[0]
    )


def test_every_setting_arrives(tmp_path: Path) -> None:
    job = built(
        tmp_path,
        GOOD,
        "rule={kind: relax, strength: 0.5, sweeps: 3, stalks: heat}",
        "training.optimiser={kind: kron, rate: 0.2, schedule: cosine, damping: 0.01, clip: 0.3}",
        "training.rounds=12",
        "training.every=2",
        "training.patience=4",
        "training.label_smoothing=0.2",
    )
    problem = job.prepare(sn.Observer()).problem
    rule = problem.rule
    assert isinstance(rule, sn.Relax)
    assert (rule.strength, rule.sweeps, rule.stalks) == (0.5, 3, sn.Heat())
    assert rule.plan is not None
    assert rule.plan.optimiser == sn.Kron(0.2, schedule="cosine", damping=0.01, clip=0.3)
    assert (rule.plan.steps, rule.plan.evaluate_every, problem.patience) == (4, 2, 4)
    np.testing.assert_allclose(problem.pins["a2"].value, [[0.1, 0.9], [0.9, 0.1]])


def test_it_is_the_same_after_a_round_trip(tmp_path: Path) -> None:
    first = built(tmp_path, GOOD).config
    again = load_config(write(tmp_path, dump_config(first))).config
    assert again == first
    assert first.rule.kind == "nudged"


def test_tables_have_columns(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(TABLE, encoding="utf-8")
    text = GOOD.replace(
        "data: {kind: inline, inputs: [[0.5, -1.0], [1.0, 2.0]], labels: [1, 0]}",
        "data: {kind: csv, path: table.csv, inputs: [height, width], labels: kind, scale: 0.5}",
    )
    job = built(tmp_path, text)
    np.testing.assert_array_equal(job.samples.inputs, [[0.5, 1.5, 1.0], [1.0, 0.5, 1.0]])
    np.testing.assert_array_equal(job.samples.labels, [0, 1, 1])
    other = text.replace("labels: kind", "targets: [area], limit: 2")
    other = other.replace("widths: [2, 3, 2], output: softmax", "widths: [2, 3, 1]")
    job = built(tmp_path, other)
    np.testing.assert_array_equal(job.samples.targets, [[2.0, 3.0]])
    (found,) = faults(tmp_path, text.replace("height", "heigth"))
    assert found.startswith("data.inputs: ")
    assert found.endswith("no column 'heigth'; did you mean 'height'?")
    (tmp_path / "table.csv").write_text(TABLE + "x,1,0,1\n", encoding="utf-8")
    (found,) = faults(tmp_path, text)
    assert "line 5, height: expected a number, got 'x'" in found
    (tmp_path / "table.csv").write_bytes(b"\xff\xfe")
    (found,) = faults(tmp_path, text)
    assert "not a table" in found


def test_test_samples_come_from_where_the_others_come_from(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 9)), rng.standard_normal((1, 9))
    np.savez(tmp_path / "d.npz", x=x, y=y, fit=np.arange(6), held=np.arange(6, 9))
    text = """
    job: train
    network: {kind: random, widths: [2, 3, 1]}
    data: {kind: file, path: d.npz, inputs: x, targets: y, subset: fit}
    training: {optimiser: {kind: sgd, rate: 0.1}, rounds: 5, test: {subset: held}}
    """
    job = built(tmp_path, text)
    assert job.test is not None
    np.testing.assert_array_equal(job.test.inputs, x[:, 6:])
    np.testing.assert_array_equal(job.test.targets, y[:, 6:])
    (found,) = faults(tmp_path, text, "training.test.subset=hold")
    assert found.startswith("--set: training.test.subset: ")
    assert "no array 'hold'; did you mean 'held'?" in found
    (found,) = faults(tmp_path, text.replace("{subset: held}", "{}"))
    assert "name a subset of the data, or another file" in found
    task = text.replace(
        "{kind: file, path: d.npz, inputs: x, targets: y, subset: fit}",
        "{kind: task, name: saddle, samples: 20, test: 5}",
    )
    (found,) = faults(tmp_path, task)
    assert "a task has samples to test on" in found
    job = built(tmp_path, task.replace(", test: {subset: held}", ""))
    assert job.test is not None
    assert job.test.inputs.shape == (2, 5)


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["run", *arguments])
    return done.exit_code, done.output


@pytest.mark.parametrize("name", ["digits", "circular", "blobs", "joint", "table"])
def test_the_examples_train(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, output = run(f"train-{name}", "--out", "here")
    assert code == 0, output
    result: dict[str, Any] = json.loads(Path("here/result.json").read_text())
    events = [json.loads(line) for line in Path("here/events.jsonl").read_text().splitlines()]
    evaluations = [event for event in events if event["event"] == "evaluation"]
    assert evaluations[-1]["train"] == result["train"]
    assert result["train"]["loss"] < 0.2 * evaluations[0]["train"]["loss"]
    assert events[-1]["event"] == "training_ended"
    assert Path("here/losses.svg").read_text().startswith("<?xml")
    before, after = (sn.ReluNetwork.load(f"here/{n}.npz") for n in ("initial", "network"))
    assert not np.array_equal(before.weights[0], after.weights[0])
    assert "train loss" in output
    if name == "blobs":
        assert result["rollbacks"] == 1
        assert "all hosts went back to the last snapshot: 1" in output
        assert "layer_1 was busy" in output
    if name == "digits":
        assert result["test"]["accuracy"] >= 0.97
        code, output = run("digits", "--set", f"network.path={Path('here/network.npz').resolve()}")
        assert code == 0, output


def test_a_run_repeats_itself_and_its_network_runs_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("train-blobs", "--out", "here", "--trace", "--set", "training.epochs=3")[0] == 0
    again = CliRunner().invoke(main, ["replay", "here"])
    assert again.exit_code == 0, again.output
    swept = CliRunner().invoke(main, ["sweep", "train-blobs", "--seeds", "0:2"])
    assert swept.exit_code == 2
    assert "a sweep repeats the job infer" in swept.output


def test_divergence_ends_with_exit_code_1_and_the_last_good_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    optimiser = "training.optimiser={kind: sgd, rate: 50}"
    code, output = run("train-table", "--out", "here", "--set", optimiser)
    assert code == 1
    assert "of the map 'weight_" in output
    network = sn.ReluNetwork.load("here/network.npz")
    assert np.isfinite(network.weights[0]).all()
    assert find_config("train-table").exists()
