"""The commands of deploy/README.md, run: they start a head, run a job and leave nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import sys
from pathlib import Path

from tests.support.processes import Command
from tests.support.readme import DEPLOY_README

PORTS = ("6399", "8299", "8298")
"""Ports that deploy/README.md names; the tests put free ones in their place."""
SECONDS = 600.0
GRACE = 30.0
"""Seconds in which Ray's helper processes end after their parents."""


def section(number: int) -> str:
    """Return the shell blocks of a section of deploy/README.md as one script."""
    (text,) = re.findall(
        rf"^## {number}\. (.*?)(?=^## |\Z)", DEPLOY_README, re.MULTILINE | re.DOTALL
    )
    return "\n".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL))


def free_ports(count: int) -> list[str]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [str(one.getsockname()[1]) for one in sockets]


def test_a_job_on_a_head_converges_and_the_head_goes(tmp_path: Path, short_folder: Path) -> None:
    script = section(2)
    for written, free in zip(PORTS, free_ports(len(PORTS)), strict=True):
        assert written in script
        script = script.replace(written, free)
    (tmp_path / "home").mkdir()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = Command(
        "bash", "-euc", script,
        prefix=("env", "-C", str(tmp_path)),
        environment={"HOME": str(tmp_path / "home"), "TMPDIR": str(short_folder), "PATH": path},
    )  # fmt: skip
    try:
        code, out, err = command.finish(SECONDS)
        assert code == 0, out + err
        assert re.search(r"Job 'raysubmit_\w+' succeeded", out)
        result = json.loads((tmp_path / "runs" / "cluster-1" / "result.json").read_text())
        assert result["outcome"] == "CONVERGED"
        assert len({process["pid"] for process in result["processes"].values()}) == 4
        # Ray has left no files in the home of the user or in the folder of the head.
        assert list((tmp_path / "home").iterdir()) == []
        assert not list(short_folder.glob("tmp.*"))
        assert command.wait_until_gone(GRACE) == {}
    finally:
        for pid in command.left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        command.finish(GRACE)
