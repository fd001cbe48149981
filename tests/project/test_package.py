"""The content of the wheel, and the truth of the documents."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import sheafnet
from sheafnet.config.shipped import shipped_configs
from tests.support.readme import README, ROOT, blocks, commands


def test_the_wheel_carries_configs_data_and_the_typing_mark(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "sheafnet/py.typed" in names
    for config in shipped_configs():
        assert f"sheafnet/configs/{config}.yaml" in names
    assert "sheafnet/configs/data/digits.npz" in names
    assert not [name for name in names if name.startswith("tests")]


@pytest.mark.parametrize("command", commands(on_ray=False))
def test_the_commands_of_the_readme_run(command: str, tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        shell=True,
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("source", blocks("python"))
def test_the_examples_of_the_readme_print_what_they_say(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, "README.md", "exec"), {})
    promised = re.findall(r"^print\(.*\)\s+# (.*)$", source, flags=re.MULTILINE)
    assert promised
    assert printed.getvalue().splitlines() == promised


def test_the_readme_names_every_config() -> None:
    for config in shipped_configs():
        assert f"configs/{config}.yaml" in README


def test_ci_runs_the_test_command_of_the_readme() -> None:
    (block,) = [block for block in blocks("sh") if "pytest" in block]
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for command in re.split("&&|\n", block.strip()):
        assert command.strip() in ci


def test_the_changelog_has_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {sheafnet.__version__}" in changelog
