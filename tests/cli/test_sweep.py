"""The verb sweep: many seeds and settings with one command."""

from __future__ import annotations

import csv
import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sheafnet.cli import main

SIMULATED = ("--set", "runtime=simulator", "--set", "rule=prox", "--jobs", "2")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def sheafnet(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def table(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_seed_and_combination_is_run_and_can_be_repeated() -> None:
    varied = ("--vary", "runtime.loss=0,0.3", "--vary", "runtime.window=1,4")
    done = sheafnet("sweep", "quickstart", *SIMULATED, "--seeds", "3:5", *varied)
    assert done.exit_code == 0, done.output
    rows = table("sweep.csv")
    assert [(r["runtime.loss"], r["runtime.window"], r["seed"]) for r in rows] == [
        (loss, window, seed) for loss in ("0", "0.3") for window in ("1", "4") for seed in "34"
    ]
    assert {r["outcome"] for r in rows} == {"CONVERGED"}
    assert len({r["trace_digest"] for r in rows}) == len(rows)
    assert all(float(r["max_deviation_from_forward"]) < 1e-6 for r in rows)
    assert done.output.count("2 of 2") == 4
    assert all(float(r["virtual_time"]) > 0.0 and int(r["bytes"]) > 0 for r in rows)
    program, *arguments = shlex.split(rows[-1]["command"])
    assert program == "sheafnet"
    assert sheafnet(*arguments, "--out", "again").exit_code == 0
    again = json.loads(Path("again/result.json").read_text())
    assert again["trace_digest"] == rows[-1]["trace_digest"]


def test_runs_that_do_not_converge_are_named_by_the_command_that_repeats_them() -> None:
    few = ("--set", "stop.max_rounds=5")
    done = sheafnet("sweep", "quickstart", *SIMULATED, *few, "--seeds", "0:12", "--out", "few.csv")
    assert done.exit_code == 1
    assert "0 of 12" in done.output
    lines = [line for line in done.output.splitlines() if line.startswith("BUDGET_EXHAUSTED: ")]
    assert len(lines) == 10
    assert "and 2 more that did not converge" in done.output
    (row,) = [r for r in table("few.csv") if r["seed"] == "7"]
    assert f"BUDGET_EXHAUSTED: {row['command']}" in lines


def test_a_run_that_fails_is_a_row_and_the_others_go_on() -> None:
    far = "--vary", "runtime.slow.layer_9=2"
    done = sheafnet("sweep", "quickstart", *SIMULATED, "--seeds", "0:2", *far)
    assert done.exit_code == 1
    assert [r["outcome"] for r in table("sweep.csv")] == ["FAILED", "FAILED"]
    assert "no host 'layer_9'" in table("sweep.csv")[0]["message"]
    assert "FAILED: sheafnet run quickstart" in done.output


def test_energies_are_drawn_by_setting() -> None:
    graphs = "sheaf.graph={kind: star, vertices: 5},{kind: grid, side: 2}"
    done = sheafnet("sweep", "delay-sweep", "--seeds", "0:2", "--vary", graphs, "--draw", "e.svg")
    assert done.exit_code == 0, done.output
    assert "star" in done.output
    picture = Path("e.svg").read_text()
    assert "<!-- graph star -->" in picture
    assert "<!-- graph grid -->" in picture
    assert picture.count('id="line2d_') > 4


@pytest.mark.slow
def test_lockstep_is_swept_over_starts() -> None:
    done = sheafnet("sweep", "quickstart", "--seeds", "0:2", "--jobs", "1")
    assert done.exit_code == 0
    assert all("runtime.seed" not in r["command"] for r in table("sweep.csv"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--seeds", "5:5"), "'5:5' is not A:B"),
        (("--seeds", "5"), "'5' is not A:B"),
        (("--seeds", "0:1", "--vary", "runtime.loss"), "expected KEY=VALUE,VALUE"),
        (("--seeds", "0:1", "--vary", "runtime.loss="), "expected KEY=VALUE,VALUE"),
        (("--seeds", "0:1", "--vary", "runtime.loss=0,[1"), "expected KEY=VALUE,VALUE"),
        (("--seeds", "0:1", "--vary", "runtime.loss=2026-11-25"), "expected KEY=VALUE,VALUE"),
        (("--seeds", "0:1", "--vary", "runtime.loss=0,1.5"), "runtime.loss"),
        (("--seeds", "0:1", "--vary", "rule=prox,proxy"), "no choice 'proxy'"),
        (("--seeds", "0:1", "--out", "there.csv"), "there.csv is there already"),
        (("--seeds", "0:1", "--out", "no/folder.csv"), "cannot be written"),
    ],
)
def test_bad_requests_are_refused_before_anything_is_run(
    arguments: tuple[str, ...], expected: str
) -> None:
    Path("there.csv").write_text("")
    refused = sheafnet("sweep", "quickstart", *SIMULATED, *arguments)
    assert refused.exit_code == 2, refused.output
    assert expected in refused.output
    assert not Path("sweep.csv").exists()
