"""Helpers that write a configuration and collect the faults that are found in it."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from sheafnet.config.builders.job import build_job
from sheafnet.config.load import load_config
from sheafnet.errors import ConfigError


def write(folder: Path, text: str) -> Path:
    path = folder / "job.yaml"
    path.write_text(dedent(text), encoding="utf-8")
    return path


def faults(folder: Path, text: str, *overrides: str) -> list[str]:
    """Return the faults that loading and building report, without the path of the file."""
    path = write(folder, text)
    with pytest.raises(ConfigError) as caught:
        build_job(load_config(path, overrides))
    return [str(fault).removeprefix(f"{path}: ") for fault in caught.value.faults]
