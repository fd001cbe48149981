"""Whether the sheafnet under test is compiled, and what follows from it for tests."""

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
    """Return the sources that have been changed since they were compiled."""
    suffix = EXTENSION_SUFFIXES[0]
    modules = list(Path(sheafnet.__file__).parent.rglob(f"*{suffix}"))
    # The modules only point at a library that all of them share, and that may be an older one.
    libraries = [
        Path(str(m.__file__)) for name, m in sys.modules.items() if name.endswith("__mypyc")
    ]
    compiled = min((it.stat().st_mtime for it in (*modules, *libraries)), default=0.0)
    sources = [Path(str(module).removesuffix(suffix) + ".py") for module in modules]
    return [source for source in sources if source.stat().st_mtime > compiled]
