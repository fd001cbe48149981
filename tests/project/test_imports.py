"""The time of imports, and the proof that the import contracts find a breach."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sheafnet

ROOT = Path(sheafnet.__file__).parent.parent
HEAVY = {"ray", "pydantic", "scipy.special", "scipy.sparse.linalg", "matplotlib"}


def modules_after(code: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after running ``code``."""
    script = f"import sys, json\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import sheafnet",
        "from sheafnet.cli import main; main(['--help'], standalone_mode=False)",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_used(code: str) -> None:
    loaded = modules_after(code)
    assert "sheafnet" in loaded
    assert not loaded & HEAVY


def test_relaxing_a_network_needs_no_analysis_and_no_ray() -> None:
    loaded = modules_after(
        "import sheafnet as sn\n"
        "net = sn.ReluNetwork.random([2, 1], seed=0)\n"
        "sn.infer(net.to_sheaf(), [sn.Pin('a0', [[1.0], [2.0]])])"
    )
    assert not loaded & HEAVY


def test_every_public_name_is_there_and_documented() -> None:
    source = (ROOT / "sheafnet" / "__init__.py").read_text(encoding="utf-8")
    (for_types,) = [node for node in ast.parse(source).body if isinstance(node, ast.If)]
    imported = {alias.name for it in for_types.body for alias in it.names}  # type: ignore[attr-defined]
    assert imported == set(vars(sheafnet)["_HOME"]) == set(sheafnet.__all__)
    for name in sheafnet.__all__:
        assert getattr(sheafnet, name).__doc__
        assert f"``sn.{name}``" in str(sheafnet.__doc__), "the docstring lists it by purpose"
    assert set(sheafnet.__all__) <= set(dir(sheafnet))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = sheafnet.nothing


PLANTS = {
    "sheafnet/core/maps.py": ("import sheafnet.api", "imports only go down"),
    "sheafnet/dynamics/star.py": ("import sheafnet.core.sheaf", "cannot name the sheaf"),
    "sheafnet/runtime/jobs/run.py": ("import ray", "Behind one door: ray"),
    "sheafnet/dynamics/vertex.py": ("import time", "has no clock"),
    "tests/core/test_maps.py": ("import tests.core.test_pins", "No test module"),
    "sheafnet/runtime/hosts/outbox.py": ("import sheafnet.runtime.lockstep", "rooms of runtime"),
    "sheafnet/runtime/hosts/stall.py": ("import sheafnet.runtime.hosts.coordinator", "No circles"),
}


@pytest.mark.parametrize("module", [None, *PLANTS])
def test_an_import_in_the_wrong_direction_breaks_its_contract(
    tmp_path: Path, module: str | None
) -> None:
    shutil.copytree(ROOT / "sheafnet", tmp_path / "sheafnet")
    arrays = shutil.ignore_patterns("*.npz")
    shutil.copytree(ROOT / "tests", tmp_path / "tests", ignore=arrays)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    expected = ""
    if module is not None:
        plant, expected = PLANTS[module]
        with (tmp_path / module).open("a") as stream:
            stream.write(f"\n{plant}\n")
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == (0 if module is None else 1), done.stdout
    broken = [line for line in done.stdout.splitlines() if line.endswith("BROKEN")]
    assert bool(broken) == bool(module)
    assert not module or any(expected in line for line in broken)
