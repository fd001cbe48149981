"""The API reference: it builds without a warning, and says what a reader has to know."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import subprocess
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sheafnet
import sheafnet as sn
from tests.support.markdown import ROOT, docstrings, document, markdown_files
from tests.support.processes import PATH

PUBLIC = sorted(sn.__all__)
SECTIONS = re.compile(r"^(Parameters|Attributes)\n-+\n(.*?)(?=^\w[\w ]*\n-+$|\Z)", re.M | re.S)
ENTRY = re.compile(r"^([\w*][\w*, ]*?)(?: : .*)?$", re.M)
REFERENCE = re.compile(r"(?<![\w./-])((?:sheafnet|sn)(?:\.[A-Za-z_]\w*)+)(?![\w/-])")
FILE = re.compile(r"\.(?:py|yaml|npz|md|so)$")


@pytest.mark.slow
def test_the_reference_builds_without_a_warning_and_has_every_public_name(tmp_path: Path) -> None:
    (block,) = [
        block
        for block in document(".github/CONTRIBUTING.md").blocks()
        if block.run_by == "tests/project/test_reference.py"
    ]
    done = subprocess.run(
        ["bash", "-euc", block.code.replace("build/reference", str(tmp_path))],
        cwd=ROOT, env={**os.environ, "PATH": PATH}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    package = Path(sheafnet.__file__).parent
    for path in package.rglob("*.py"):
        module = path.parent if path.name == "__init__.py" else path.with_suffix("")
        page = tmp_path / f"{module.relative_to(package.parent)}.html"
        assert page.is_file() or module.name == "__main__", module
    front = (tmp_path / "sheafnet.html").read_text(encoding="utf-8")
    assert [name for name in PUBLIC if f'id="{name}"' not in front] == []


def documented(doc: str) -> set[str]:
    """Return the names that have an entry under Parameters or Attributes."""
    entries: set[str] = set()
    for _, body in SECTIONS.findall(doc):
        for names in ENTRY.findall(body):
            entries |= {name.strip("* ") for name in names.split(",")}
    return entries


def parameters(public: Any) -> set[str]:
    """Return the names of the parameters, with those of ``**settings`` that a TypedDict lists."""
    found = set()
    for parameter in inspect.signature(public).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            (keys,) = typing.get_args(
                typing.get_type_hints(public, include_extras=True)[parameter.name]
            )
            found |= set(typing.get_type_hints(keys))
        else:
            found.add(parameter.name)
    return found - {"self", "cls"}


def is_constructed(public: Any) -> bool:
    """Return whether a public name is a class whose constructor takes arguments, or a function."""
    if not inspect.isclass(public):
        return True
    return not issubclass(public, BaseException) and not hasattr(public, "__members__")


@pytest.mark.parametrize("name", [name for name in PUBLIC if is_constructed(getattr(sn, name))])
def test_a_public_name_documents_its_parameters(name: str) -> None:
    public = getattr(sn, name)
    doc = inspect.getdoc(public) or ""
    assert parameters(public) - documented(doc) == set()
    if inspect.isclass(public):
        assert "__doc__" in vars(public)
        assert vars(public)["__doc__"]


def public_methods() -> Iterator[tuple[str, Any]]:
    """Yield every method that a public class defines, and its dotted name."""
    for name in PUBLIC:
        public = getattr(sn, name)
        if inspect.isclass(public):
            for method, value in vars(public).items():
                function = getattr(value, "__func__", value)
                if inspect.isfunction(function) and not method.startswith("_"):
                    yield f"{name}.{method}", function


@pytest.mark.parametrize(("name", "method"), list(public_methods()))
def test_a_public_method_documents_its_parameters(name: str, method: Any) -> None:
    owner, _, called = name.partition(".")
    # What overrides a method is documented where that is declared.
    doc = next(
        (vars(base)[called].__doc__ for base in getattr(sn, owner).__mro__
         if called in vars(base) and vars(base)[called].__doc__),
        None,
    )  # fmt: skip
    assert doc, name
    # A method whose summary tells all has no sections; it names its parameters in the summary.
    entries = documented(inspect.cleandoc(doc)) or set(re.findall(r"``(\w+)``", doc))
    assert parameters(method) - entries == set()


def resolves(dotted: str) -> bool:
    """Return whether a dotted path leads to a module, or to something that one has."""
    parts = dotted.replace("sn.", "sheafnet.", 1).split(".")
    for count in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            fields = getattr(found, "__annotations__", {}) if inspect.isclass(found) else {}
            if part in fields:
                return True
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def dotted_names(text: str) -> list[str]:
    """Return the names in a text that begin with ``sheafnet.`` or ``sn.``, without file names."""
    return [dotted for dotted in REFERENCE.findall(text) if not FILE.search(dotted)]


def texts() -> dict[str, list[str]]:
    """Return the docstrings and Markdown of each file."""
    found: dict[str, list[str]] = {}
    for text in (*docstrings(), *markdown_files()):
        found.setdefault(text.path, []).append(text.text)
    return found


@pytest.mark.parametrize(("path", "written"), texts().items(), ids=texts())
def test_names_in_docstrings_and_markdown_lead_somewhere(path: str, written: list[str]) -> None:
    names = [dotted for text in written for dotted in dotted_names(text)]
    assert [dotted for dotted in names if not resolves(dotted)] == [], path


TESTS = sorted((ROOT / "tests").rglob("*.py"))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_in_docstrings_of_tests_lead_somewhere(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            names = dotted_names(ast.get_docstring(node) or "")
            assert [dotted for dotted in names if not resolves(dotted)] == []


def test_no_line_of_an_entry_reads_as_an_item_of_a_list() -> None:
    # Markdown makes a list of a line that begins with "1. ", as a sentence that ends in 1 may.
    broken = re.compile(r"^ +\d+\. ", re.M)
    assert [text.path for text in docstrings() if broken.search(text.text)] == []


def test_a_name_that_leads_nowhere_would_be_found() -> None:
    assert resolves("sheafnet.core.pins.Pin")
    assert resolves("sn.Stop.max_rounds")
    assert not resolves("sn.Gone")
    assert not resolves("sheafnet.core.gone")
    assert not resolves("sn.Stop.gone")
    assert dotted_names("``runtime=sn.Gone()`` in sheafnet.core and configs/sheafnet.yaml") == [
        "sn.Gone",
        "sheafnet.core",
    ]
