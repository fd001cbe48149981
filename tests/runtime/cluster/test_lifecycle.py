"""The end of a local run: no call beyond loopback, and no process or file left behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sheafnet.runtime.cluster.reaper import attending
from tests.support.markdown import commands, document
from tests.support.processes import Command, sheafnet, wait_for_end

GRACE = 45.0
"""Seconds within which all processes must have ended; an idle machine needs three."""
ENDLESS = ("--set", "runtime=cluster", "--set", "stop.stationarity=1e-300", "--metrics-port", "0")
"""Arguments of a run that goes on until it is stopped and prints a line when it has begun."""

OUTSIDE = re.compile(
    r"(connect|sendto|sendmsg|sendmmsg)\(.*"
    r"(sin_addr=inet_addr\(\"(?!127\.)|inet_pton\(AF_INET6, \"(?!::1\"|::ffff:127\.))"
)


def endless(folder: Path, **environment: str) -> Command:
    arguments = ("run", "quickstart", *ENDLESS, "--out", str(folder / "run"))
    command = sheafnet(*arguments, environment=environment)
    command.line_with("metrics at")
    return command


def test_the_pattern_for_calls_outside_finds_them() -> None:
    call = '12 connect(5, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("%s")}, 16)'
    six = '12 connect(5, {sa_family=AF_INET6, inet_pton(AF_INET6, "%s", &sin6_addr)}, 28)'
    assert OUTSIDE.search(call % "169.254.169.254")
    assert OUTSIDE.search(six % "2001:db8::1")
    assert not OUTSIDE.search(call % "127.0.0.1")
    assert not OUTSIDE.search(six % "::ffff:127.0.0.1")
    assert not OUTSIDE.search(six % "::1")


def shown() -> list[str]:
    """Return the commands of deploy/README.md that this file runs."""
    blocks = document("deploy/README.md").blocks()
    ours = [it.code for it in blocks if it.run_by == "tests/runtime/cluster/test_lifecycle.py"]
    return [command for code in ours for command in commands(code)]


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize("line", shown())
def test_a_run_as_in_the_readme_stays_on_loopback_and_leaves_nothing(
    tmp_path: Path, line: str
) -> None:
    calls = tmp_path / "calls"
    traced = "trace=connect,sendto,sendmsg,sendmmsg"
    strace = ("strace", "-f", "-qq", "--seccomp-bpf", "-o", str(calls), "-e", traced)
    home = set(Path.home().glob(".ray/*"))
    command = sheafnet(*line.split()[1:], prefix=("env", "-C", str(tmp_path), *strace))
    code, out, err = command.finish(180)
    assert code == 0, out + err
    assert "converged" in out
    assert command.wait_until_gone(GRACE) == {}
    seen = calls.read_text(encoding="utf-8", errors="replace").splitlines()
    assert any("127.0.0.1" in line for line in seen)  # the trace does record calls
    assert [line for line in seen if OUTSIDE.search(line)] == []
    assert set(Path.home().glob(".ray/*")) == home


def test_ctrl_c_ends_a_run_with_what_it_had_and_leaves_nothing(tmp_path: Path) -> None:
    command = endless(tmp_path)
    os.killpg(command.process.pid, signal.SIGINT)  # as a terminal does
    code, out, err = command.finish(GRACE)
    assert code == 1, out + err
    result = json.loads((tmp_path / "run" / "result.json").read_text(encoding="utf-8"))
    assert result["outcome"] == "STOPPED"
    assert (tmp_path / "run" / "cochain.npz").exists()
    assert list(tmp_path.rglob("*targets.json")) == []
    assert command.wait_until_gone(GRACE) == {}


def test_a_driver_that_is_killed_takes_everything_with_it(
    tmp_path: Path, short_folder: Path
) -> None:
    command = endless(tmp_path, TMPDIR=str(short_folder))
    assert len(list(short_folder.iterdir())) == 1
    # The command, five processes of Ray's head, two agents, a coordinator, three hosts, a reaper.
    assert len(command.left()) >= 13
    command.process.kill()
    command.finish(GRACE)
    assert command.wait_until_gone(GRACE) == {}
    assert list(short_folder.iterdir()) == []


def test_the_reaper_ends_what_names_the_folder_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "ray"
    folder.mkdir()
    (folder / "log").touch()
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    with subprocess.Popen(sleep) as other, subprocess.Popen([*sleep, str(folder)]) as ray:
        with attending(folder) as ray_is_there:
            ray_is_there()
        assert ray.wait(GRACE) == -signal.SIGKILL
        assert other.poll() is None
        other.kill()
    assert not folder.exists()


FORKED = """
import os, subprocess, sys, time
from pathlib import Path
from sheafnet.runtime.cluster.reaper import attending

with attending(Path(sys.argv[1])):
    if os.fork():
        print("here", flush=True)
    time.sleep(600)
"""


def test_a_driver_that_was_forked_is_cleared_away_while_its_child_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "ray"
    folder.mkdir()
    command = Command(sys.executable, "-c", FORKED, str(folder))
    command.line_with("here")
    driver = f"reaper.py {folder} {command.process.pid}"
    (reaper,) = [pid for pid, line in command.left().items() if driver in line]
    command.process.kill()
    wait_for_end(reaper, GRACE)
    assert not folder.exists()
    assert len(command.left()) == 1  # the child
    for pid in command.left():
        os.kill(pid, signal.SIGKILL)
    command.finish(GRACE)
