"""The commands of deploy/README.md find a run with Prometheus and show its energy."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.markdown import ROOT, document
from tests.support.processes import PATH, Command, free_ports

SECONDS = 60.0
PORT = "9091"
"""The port in deploy/README.md; the test takes a free one."""


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs Debian's prometheus")
def test_the_energy_of_a_run_is_shown_by_prometheus(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    (port,) = free_ports(1)
    check, run, query = (
        block.code.replace(PORT, port)
        for block in document("deploy/README.md").blocks()
        if block.run_by == "tests/deploy/test_prometheus_commands.py"
    )
    environment = {"PATH": PATH, "TMPDIR": str(tmp_path)}
    # What is polled is the event: Prometheus tells nobody that it has begun to scrape a run.
    polled = f"until grep sheafnet_energy <({query.strip()} 2> /dev/null); do :; done"
    begun = Command(
        "bash", "-euc", f"{check}\n{run}",
        prefix=("env", "-C", str(tmp_path)), environment=environment,
    )  # fmt: skip
    try:
        shown = subprocess.run(
            ["timeout", str(SECONDS), "bash", "-c", polled],
            env={**os.environ, **environment}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert shown.returncode == 0
        assert 'job="sheafnet"' in shown.stdout
    finally:
        begun.kill(SECONDS)
