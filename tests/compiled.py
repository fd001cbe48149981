"""Whether the sheafnet under test is compiled, and what follows from it for tests."""

from __future__ import annotations

from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import sheafnet
from sheafnet.runtime import host

COMPILED = not str(host.__file__).endswith(".py")

interpreted_only = pytest.mark.skipif(
    COMPILED, reason="replaces a method, which nobody would notice in a compiled class"
)


def outdated() -> list[Path]:
    """Return the compiled modules beside a source that has been changed since."""
    package = Path(sheafnet.__file__).parent
    (suffix, *_) = EXTENSION_SUFFIXES
    pairs = [
        (module, Path(str(module).removesuffix(suffix) + ".py"))
        for module in package.rglob(f"*{suffix}")
    ]
    return [module for module, source in pairs if source.stat().st_mtime > module.stat().st_mtime]
