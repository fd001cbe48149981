"""The command line as a user meets it: exit codes, files, terminal, pipe, Ctrl-C."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner, Result

import sheafnet as sn
from sheafnet.cli import main
from sheafnet.config.shipped import find_config
from sheafnet.observe.jsonlines import JsonLines

QUICK = "quickstart"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def sheafnet(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def command(*arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("sheafnet")), *arguments]


def events(folder: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(folder, "events.jsonl").read_text().splitlines()]


def test_run_relaxes_writes_its_directory_and_exits_0() -> None:
    done = sheafnet("run", QUICK, "--out", "here")
    assert done.exit_code == 0, done.output
    for edge in ("weight_1", "activation_1", "weight_2"):
        assert edge in done.output
    assert "converged: every vertex is stationary" in done.output
    assert sorted(os.listdir("here")) == [
        "cochain.npz",
        "config.yaml",
        "events.jsonl",
        "network.npz",
        "result.json",
    ]
    result = json.loads(Path("here/result.json").read_text())
    assert result["outcome"] == "CONVERGED"
    assert result["stationarity"] <= 1e-9
    assert result["max_deviation_from_forward"] <= 1e-6
    assert set(result["discord"]) == {"weight_1", "activation_1", "weight_2"}
    assert result["stats"]["rounds"] > 0
    assert re.fullmatch("[0-9a-f]{32}", result["trace_digest"])
    cochain, network = sn.Cochain.load("here/cochain.npz"), sn.ReluNetwork.load("here/network.npz")
    np.testing.assert_allclose(cochain["z2"], network.forward(cochain["a0"]), atol=1e-6)


def test_the_digits_are_relaxed_to_the_forward_pass() -> None:
    done = sheafnet("run", "configs/digits.yaml", "--out", "here")
    assert done.exit_code == 0, done.output
    result = json.loads(Path("here/result.json").read_text())
    assert result["max_deviation_from_forward"] <= 1e-6
    assert result["accuracy"] == result["accuracy_of_forward"] >= 0.9
    assert f"accuracy {result['accuracy']:.4f}" in done.output
    assert sn.Cochain.load("here/cochain.npz").batch == 64


def test_a_run_can_be_repeated_from_its_directory() -> None:
    sheafnet("run", QUICK, "--set", "seed=4", "--out", "first")
    again = sheafnet("run", "first/config.yaml", "--out", "second")
    assert again.exit_code == 0, again.output
    digests = {json.loads(Path(d, "result.json").read_text())["trace_digest"]
               for d in ("first", "second")}  # fmt: skip
    assert len(digests) == 1


def test_events_tell_the_run_from_start_to_end() -> None:
    sheafnet("run", QUICK, "--out", "here")
    start, *progress, end = events("here")
    assert (start["event"], end["event"]) == ("run_started", "run_ended")
    assert start["vertices"] == {"a0": 2, "z1": 4, "a1": 4, "z2": 1}
    assert start["pinned"] == ["a0"]
    assert {p["event"] for p in progress} == {"progress"}
    assert progress[0]["discord"]["weight_1"] > end["discord"]["weight_1"]
    assert end["outcome"] == "CONVERGED"
    assert all("time" in event for event in (start, *progress, end))


def test_run_directories_are_numbered_and_never_overwritten() -> None:
    for number in (1, 2):
        assert f"runs/{QUICK}-{number}" in sheafnet("run", QUICK).output
    refused = sheafnet("run", QUICK, "--out", f"runs/{QUICK}-1")
    assert refused.exit_code == 2
    assert "is not empty; nothing is overwritten" in refused.output
    Path("a-file").write_text("")
    assert sheafnet("run", QUICK, "--out", "a-file/run").exit_code == 2


def test_exit_1_when_it_ran_but_did_not_converge() -> None:
    short = sheafnet("run", QUICK, "--set", "stop.max_rounds=2", "--out", "short")
    assert short.exit_code == 1
    assert "budget exhausted" in short.output
    wild = sheafnet("run", QUICK, "--set", "rule.dt=9", "--out", "wild")
    assert wild.exit_code == 1
    assert "lower dt" in wild.output
    assert json.loads(Path("wild/result.json").read_text())["outcome"] == "DIVERGED"
    assert np.isfinite(sn.Cochain.load("wild/cochain.npz")["z2"]).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "nothing.yaml"], "error: nothing.yaml: no such file"),
        (["run", QUICK, "--set", "sede=1"], "error: --set: sede: no such key; did you mean 'seed'"),
        (["run"], "give either CONFIG"),
        (["rnu"], "No such command 'rnu'"),
        (["check", QUICK, "--set", "network.widths=[3,1]"], "the network takes 3 numbers a sample"),
    ],
)
def test_exit_2_on_bad_usage_or_config(arguments: list[str], said: str) -> None:
    refused = sheafnet(*arguments)
    assert refused.exit_code == 2
    assert said in refused.output
    assert not Path("runs").exists()


BAD_FILES = {
    "NaN weights": ({"W1": np.full((1, 2), np.nan), "b1": [0.0]}, {}, "W1: 2 value(s) are NaN"),
    "NaN data": ({}, {"x": np.full((2, 3), np.nan)}, "inputs: 6 value(s) are NaN"),
    "empty batch": ({}, {"x": np.ones((2, 0))}, "inputs: the batch is empty"),
    "wrong width": ({}, {"x": np.ones((3, 1))}, "the network takes 2 numbers a sample, got 3"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_exit_2_on_bad_arrays(case: str) -> None:
    network, data, said = BAD_FILES[case]
    np.savez("n.npz", **{"W1": np.ones((1, 2)), "b1": [0.0], "output": "identity"} | network)  # type: ignore[arg-type]
    np.savez("d.npz", **{"x": np.ones((2, 3))} | data)
    Path("job.yaml").write_text(
        "network: {kind: file, path: n.npz}\ndata: {kind: file, path: d.npz, inputs: x}\n"
    )
    refused = sheafnet("run", "job.yaml")
    assert refused.exit_code == 2
    assert said in refused.output
    Path("n.npz").write_bytes(Path("n.npz").read_bytes()[:100])
    truncated = sheafnet("run", "job.yaml")
    assert truncated.exit_code == 2
    assert "n.npz: damaged, or not an .npz file" in truncated.output


def test_float32_converges_by_its_own_tolerance() -> None:
    done = sheafnet("run", "digits", "--set", "dtype=float32", "--out", "here")
    assert done.exit_code == 0, done.output
    assert sn.Cochain.load("here/cochain.npz")["z1"].dtype == np.float32


def test_every_fault_of_a_config_is_a_line() -> None:
    Path("bad.yaml").write_text("netwrok: 3\nseed: -1\n")
    refused = sheafnet("run", "bad.yaml")
    assert refused.exit_code == 2
    assert refused.output.splitlines() == [
        "error: bad.yaml: network: this key is required",
        "error: bad.yaml: data: this key is required",
        "error: bad.yaml: seed: input should be greater than or equal to 0, got -1",
        "error: bad.yaml: netwrok: no such key; did you mean 'network'?",
    ]


def test_exit_3_on_a_fault_while_running(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: JsonLines, progress: sn.Progress) -> None:
        raise RuntimeError(f"{self} at round {progress.rounds}")

    monkeypatch.setattr(JsonLines, "progressed", broken)
    failed = sheafnet("run", QUICK)
    assert failed.exit_code == 3
    assert "at round 0" in failed.output


def test_a_full_disk_loses_neither_the_run_nor_what_it_prints(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    opened = Path.open

    def full(self: Path, *arguments: Any, **options: Any) -> Any:
        if self.name in ("events.jsonl", ".cochain.npz.partial", ".result.json.partial"):
            raise OSError(28, "No space left on device")
        return opened(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", full)
    failed = sheafnet("run", QUICK, "--out", "here")
    assert failed.exit_code == 3
    log = (
        Path("here").resolve() / "events.jsonl"
    )  # absolute: a coordinator may run in another folder
    assert f"the event log {log} ends here" in caplog.text
    assert "converged: every vertex is stationary" in failed.output
    assert "error: here/cochain.npz: cannot be written (No space left on device)" in failed.output


def test_a_forward_pass_that_overflows_costs_its_deviation_only() -> None:
    done = sheafnet(
        "run",
        QUICK,
        "--set",
        "dtype=float32",
        "--set",
        "data.inputs=[[1e38,3e38]]",
        "--out",
        "here",
    )
    assert done.exit_code == 1
    assert "forward pass not finite" in done.output
    result = json.loads(Path("here/result.json").read_text())
    assert result["max_deviation_from_forward"] is None


@pytest.mark.slow
@pytest.mark.parametrize("end", ["| head -c 10", "> /dev/null"])
def test_the_exit_code_follows_the_outcome_whoever_reads(end: str) -> None:
    line = f"set -o pipefail; {command('run', QUICK)[0]} run {QUICK} --out here {end}"
    done = subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(Path("here/result.json").read_text())["outcome"] == "CONVERGED"


@pytest.mark.parametrize("signals", [["SIGINT"], ["SIGTERM"], ["SIGINT", "SIGINT", "SIGTERM"]])
def test_ctrl_c_and_sigterm_stop_the_run_and_keep_what_it_had(
    monkeypatch: pytest.MonkeyPatch, signals: list[str]
) -> None:
    pending = [signal.Signals[name] for name in signals]

    def interrupt(self: JsonLines, progress: sn.Progress) -> None:
        del self, progress
        if pending:
            os.kill(os.getpid(), pending.pop())

    monkeypatch.setattr(JsonLines, "progressed", interrupt)
    arguments = ["--set", "stop.stationarity=1e-300", "--set", "stop.max_rounds=1000000000"]
    stopped = sheafnet("run", QUICK, "--out", "here", *arguments)
    assert stopped.exit_code == 1
    assert "stopped on request" in stopped.output
    assert json.loads(Path("here/result.json").read_text())["outcome"] == "STOPPED"
    assert "z2" in sn.Cochain.load("here/cochain.npz")


SIMULATED = ["--set", "runtime=simulator", "--set", "runtime.loss=0.2"]


def test_a_simulated_run_prints_what_the_wire_carried_and_replays() -> None:
    done = sheafnet("run", QUICK, *SIMULATED, "--out", "here", "--trace")
    assert done.exit_code == 0, done.output
    for word in ("virtual time", "updates", "messages", "bytes", "worst staleness"):
        assert word in done.output
    again = sheafnet("replay", "here")
    assert again.exit_code == 0, again.output
    digest = json.loads(Path("here/result.json").read_text())["trace_digest"]
    assert f"the run repeats itself, digest {digest}" in again.output


def test_a_network_with_every_fault_replays_from_its_run_directory() -> None:
    Path("delays.txt").write_text("1\n2.5\n40\n")
    runtime = {
        "kind": "simulator",
        "latency": {"kind": "empirical", "path": "delays.txt"},
        "loss": 0.2,
        "duplication": 0.1,
        "bandwidth": 2000.0,
        "channels": [{"sender": "layer_1", "receiver": "layer_2",
                      "latency": {"kind": "lognormal", "mean": 3.0, "sigma": 1.0}}],
        "partitions": [{"hosts": ["layer_0"], "start": 5.0, "end": 50.0},
                 {"hosts": ["layer_1"], "others": ["layer_2"], "start": 0.0, "end": 5.0,
                  "every": 40.0}],
        "pauses": [{"host": "layer_2", "at": 60.0, "lasts": 30.0}],
        "restarts": [{"host": "layer_1", "at": 100.0}],
        "shuffle_ties": True,
    }  # fmt: skip
    document = yaml.safe_load(find_config(QUICK).read_text()) | {"runtime": runtime}
    Path("hostile.yaml").write_text(yaml.safe_dump(document))
    done = sheafnet("run", "hostile.yaml", "--out", "here")
    assert done.exit_code == 0, done.output
    again = sheafnet("replay", "here")
    assert again.exit_code == 0, again.output
    document["runtime"]["partitions"][0]["end"] = 1.0
    document["runtime"]["latency"]["path"] = "hostile.yaml"
    Path("hostile.yaml").write_text(yaml.safe_dump(document))
    refused = sheafnet("run", "hostile.yaml")
    assert refused.exit_code == 2
    assert "not a file of delays" in refused.output


def test_replay_points_at_the_first_event_that_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    sheafnet("run", QUICK, *SIMULATED, "--out", "here", "--trace")
    trace = Path("here/trace.txt")
    lines = trace.read_text().splitlines()
    planted = [*lines[:41], lines[41] + "7", *lines[42:]]
    for changed, expected in ((planted, 42), (lines[:50], 51), ([*lines, "more"], len(lines) + 1)):
        trace.write_text("\n".join(changed) + "\n")
        found = sheafnet("replay", "here")
        assert found.exit_code == 1
        assert f"event {expected} differs" in found.output
    # Now the code differs instead of the trace; this has no effect on events before the first step.
    trace.write_text("\n".join(lines) + "\n")
    monkeypatch.setattr("sheafnet.dynamics.rules.heat.SAFETY", 0.98)
    found = sheafnet("replay", "here")
    assert found.exit_code == 1
    (number,) = re.findall(r"event (\d+) differs", found.output)
    stepped = next(n for n, line in enumerate(lines) if re.search(r" step \S+ [1-9]", line))
    assert int(number) == stepped + 2  # the first frame that carries a changed projection


def test_replay_without_a_trace_compares_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    sheafnet("run", QUICK, "--out", "here")
    assert sheafnet("replay", "here").exit_code == 0
    monkeypatch.setattr("sheafnet.dynamics.rules.heat.SAFETY", 0.98)
    found = sheafnet("replay", "here")
    assert found.exit_code == 1
    assert "the digest differs" in found.output
    assert "run with --trace to see at which event" in found.output
    Path("here/result.json").write_text("{}")
    assert sheafnet("replay", "here").exit_code == 2
    Path("empty").mkdir()
    refused = sheafnet("replay", "empty")
    assert refused.exit_code == 2
    assert "empty holds no finished run" in refused.output


def test_check_prints_the_theorems() -> None:
    for config in (QUICK, "digits"):
        checked = sheafnet("check", config)
        assert checked.exit_code == 0, checked.output
        assert checked.output.count("yes") == 5
        assert "positive definite" in checked.output
        assert "λ1 = " in checked.output
    assert not Path("runs").exists()


def test_schema_is_a_json_schema_of_the_configuration() -> None:
    schema = json.loads(sheafnet("schema").output)
    assert {"job", "network", "data", "rule", "runtime", "stop", "seed"} <= set(
        schema["properties"]
    )


def test_help_and_version() -> None:
    shown = sheafnet("--help")
    assert shown.exit_code == 0
    for verb in ("run", "replay", "check", "schema"):
        assert verb in shown.output
        assert sheafnet(verb, "--help").exit_code == 0
    assert sn.__version__ in sheafnet("--version").output


@pytest.mark.slow
def test_the_installed_command_is_silent_in_a_pipe() -> None:
    done = subprocess.run(command("run", QUICK), capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stderr == ""
    assert "\x1b" not in done.stdout


def test_the_module_is_the_same_command() -> None:
    code = [sys.executable, "-m", "sheafnet", "--version"]
    done = subprocess.run(code, capture_output=True, text=True, check=True)
    assert done.stdout == subprocess.check_output(command("--version"), text=True)


@pytest.mark.slow
def test_a_terminal_shows_a_progress_line() -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(
        command("run", "digits"), stdout=subprocess.DEVNULL, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 4096)
            except OSError:  # the other end is closed: the process has ended
                break
    os.close(ours)
    assert process.returncode == 0
    assert re.search(rb"round [\d,]+", shown)
    assert b"stationarity" in shown
