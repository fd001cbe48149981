"""The commands of deploy/README.md, run: they start a head, run a job and leave nothing behind."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.support.markdown import document
from tests.support.processes import PATH, Command, free_ports

PORTS = ("6399", "8299", "8298")
"""Ports that deploy/README.md names; the tests put free ones in their place."""
SECONDS = 600.0
GRACE = 30.0
"""Seconds in which Ray's helper processes end after their parents."""


def script() -> str:
    """Return the blocks of deploy/README.md that this file runs, as one script."""
    blocks = document("deploy/README.md").blocks()
    return "\n".join(block.code for block in blocks if block.run_by == "tests/deploy/test_job.py")


def test_a_job_on_a_head_converges_and_the_head_goes(tmp_path: Path, short_folder: Path) -> None:
    commands = script()
    for written, free in zip(PORTS, free_ports(len(PORTS)), strict=True):
        assert written in commands
        commands = commands.replace(written, free)
    (tmp_path / "home").mkdir()
    command = Command(
        "bash", "-euc", commands,
        prefix=("env", "-C", str(tmp_path)),
        environment={"HOME": str(tmp_path / "home"), "TMPDIR": str(short_folder), "PATH": PATH},
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
        command.kill(GRACE)
