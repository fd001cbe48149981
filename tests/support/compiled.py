"""Helpers for tests that depend on whether the sheafnet under test is compiled."""

from __future__ import annotations

import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import sheafnet
from sheafnet.runtime.hosts import host

COMPILED = not str(host.__file__).endswith(".py")

interpreted_only = pytest.mark.skipif(
    COMPILED, reason="replaces a method, which nobody would notice in a compiled class"
)


def outdated() -> list[Path]:
    """Return the source files that have changed since they were compiled."""
    suffix = EXTENSION_SUFFIXES[0]
    modules = list(Path(sheafnet.__file__).parent.rglob(f"*{suffix}"))
    # The compiled modules only load a library that they share and that may be older.
    libraries = [
        Path(str(m.__file__)) for name, m in sys.modules.items() if name.endswith("__mypyc")
    ]
    compiled = min((it.stat().st_mtime for it in (*modules, *libraries)), default=0.0)
    sources = [Path(str(module).removesuffix(suffix) + ".py") for module in modules]
    return [source for source in sources if source.stat().st_mtime > compiled]
