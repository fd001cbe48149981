"""The shipped configurations with pins beside the input, run from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import sheafnet as sn
from sheafnet.cli import main
from sheafnet.config.builders.job import build_inference
from sheafnet.config.load import load_config
from sheafnet.config.shipped import find_config
from tests.support.markdown import document


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(name: str) -> tuple[str, dict[str, Any], sn.Cochain]:
    """Run a shipped configuration; return its output, its result and its cochain."""
    done = CliRunner().invoke(main, ["run", name, "--out", "here"])
    assert done.exit_code == 0, done.output
    result = json.loads(Path("here/result.json").read_text())
    assert result["outcome"] == "CONVERGED"
    return done.output, result, sn.Cochain.load("here/cochain.npz")


def test_recover_input_finds_the_input_that_the_output_belongs_to() -> None:
    _, result, cochain = run("recover-input")
    np.testing.assert_allclose(cochain["a0"], [[0.5], [-1.0]], atol=1e-6)
    assert result["max_deviation_from_forward"] <= 1e-6
    assert result["energy"] <= 1e-12


def test_hold_neuron_is_felt_both_ways() -> None:
    _, result, cochain = run("hold-neuron")
    np.testing.assert_array_equal(cochain["a1"][0], [2.0, 2.0, 2.0])
    network = sn.ReluNetwork.load("here/network.npz")
    forward = network.forward_cochain(cochain["a0"])
    assert np.abs(cochain["z1"] - forward["z1"]).max() > 0.1  # below the held neuron
    assert np.abs(cochain["z3"] - forward["z3"]).max() > 0.1  # and above it
    # Above a1 there is no discord: the stalks are the forward pass of the held activations.
    above = np.maximum(network.weights[1] @ cochain["a1"], 0.0)
    np.testing.assert_allclose(cochain["z3"], network.weights[2] @ above, atol=1e-6)
    for edge, discord in result["discord"].items():
        assert (discord > 0.1) == (edge in ("weight_1", "activation_1"))


def test_complete_digit_changes_hidden_pixels_alone_and_at_less_energy_than_the_mean() -> None:
    output, result, cochain = run("complete-digit")
    job = build_inference(load_config(find_config("complete-digit")))
    assert cochain.batch == 16
    assert job.network is not None
    assert job.samples is not None
    np.testing.assert_array_equal(cochain["a0"][:32], job.samples.inputs[:32])
    np.testing.assert_array_equal(cochain["a3"], np.eye(10)[:, job.samples.labels])
    mean = np.asarray(job.pins[1].value)
    moved = np.abs(cochain["a0"][32:] - mean).max(axis=0)
    assert (moved > 0.0).all()
    assert moved.max() > 0.1
    assert "pin_a0_0" in output
    assert result["pin_discord"]["pin_a0_0"] > 0.0
    assert result["accuracy"] == 1.0  # by construction, as the output is held at the labels
    filled = np.concatenate([job.samples.inputs[:32], mean])
    p = job.network.forward(filled)[job.samples.labels, range(16)]
    assert result["energy"] < -np.log(p).sum()


@pytest.mark.parametrize("name", ["recover-input", "hold-neuron", "complete-digit"])
def test_the_theorems_hold_on_their_networks(name: str) -> None:
    checked = CliRunner().invoke(main, ["check", name])
    assert checked.exit_code == 0, checked.output


def test_a_network_of_ones_own_runs_as_the_gallery_says() -> None:
    source, config = (
        block.code
        for block in document("configs/README.md").blocks()
        if block.run_by == "tests/cli/test_examples.py"
    )
    given: dict[str, Any] = {}
    exec(compile(source, "configs/README.md", "exec"), given)
    Path("mine.yaml").write_text(config)
    _, result, cochain = run("mine.yaml")
    np.testing.assert_array_equal(cochain["a1"][3], np.ones(8))
    np.testing.assert_array_equal(cochain["a0"], np.load("samples.npz")["X"])
    above = given["W2"] @ cochain["a1"] + given["b2"][:, None]
    np.testing.assert_allclose(cochain["z2"], above, atol=1e-6)
    assert result["discord"]["weight_1"] > 0.01 > result["discord"]["weight_2"]


@pytest.mark.slow
def test_the_table_of_a_training_under_faults_is_of_the_run_that_it_names() -> None:
    text = document("tests/bench/README.md").text
    header, _, row, *_ = text[text.index("| step | 0 | 20") :].splitlines()
    steps = [int(cell) for cell in header.split("|")[2:-3]]
    *losses, frames, _ = [cell.strip() for cell in row.split("|")[2:-1]]
    done = CliRunner().invoke(main, ["run", "train-blobs", "--out", "here"])
    assert done.exit_code == 0, done.output
    events = map(json.loads, Path("here/events.jsonl").read_text().splitlines())
    seen = {e["step"]: e["train"]["loss"] for e in events if e["event"] == "evaluation"}
    assert [f"{seen[step]:.4g}" for step in steps] == losses
    stats = json.loads(Path("here/result.json").read_text())["stats"]
    assert f"{stats['frames']:,}" == frames
