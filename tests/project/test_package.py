"""The content of the wheel, and the version."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import sheafnet
from sheafnet.config.shipped import shipped_configs
from tests.support.markdown import ROOT


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


def test_the_changelog_has_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {sheafnet.__version__}" in changelog
