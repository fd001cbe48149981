"""Code blocks in Markdown files and docstrings are run, and local links lead somewhere."""

from __future__ import annotations

import doctest
import importlib.util
import os
import pydoc
import re
import shlex
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sheafnet.cli import VERBS
from sheafnet.config.shipped import shipped_configs
from tests.bench import gallery
from tests.support.markdown import (
    MARK,
    ROOT,
    Block,
    Document,
    commands,
    docstrings,
    document,
    markdown_files,
)
from tests.support.processes import PATH

FILES = markdown_files()
GUIDES = docstrings()
BLOCKS = [block for text in (*FILES, *GUIDES) for block in text.blocks()]
TO_RUN = [block for block in BLOCKS if not (block.not_run or block.run_by)]
PYTHON = [block for block in TO_RUN if block.language == "python"]
SHELL = [block for block in TO_RUN if block.language == "sh"]
CI = commands((ROOT / ".ci" / "run").read_text(encoding="utf-8"))
OURS = ("sheafnet ", "python -m pydoc ")
"""How the commands begin that are run here. What installs and what tests is run by CI."""
COMMAND = re.compile(r"^(?:\w+=\S+ )*(sheafnet|python -m) +([\w.-]+)(?: +([\w.-]+))?")
SECONDS = 120.0


def done_in(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, with the ``python`` and ``sheafnet`` of this environment."""
    return subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": PATH}, capture_output=True, text=True,
        timeout=SECONDS, check=False,
    )  # fmt: skip


def test_the_documents_are_found() -> None:
    paths = {text.path for text in FILES}
    assert paths >= {"README.md", "CHANGELOG.md", ".github/CONTRIBUTING.md"}
    assert paths >= {f"{folder}/README.md" for folder in ("configs", "deploy", "tests/bench")}
    assert any(block.document == "sheafnet/dynamics/rules/__init__.py" for block in PYTHON)


def test_the_readme_is_short() -> None:
    readme = document("README.md")
    assert len(readme.text.split()) <= 700
    assert 1 <= readme.text.count("<img ") <= 2


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_is_run_or_says_why_not(block: Block) -> None:
    assert block.language in {"python", "sh", "text", "yaml"}
    if block.language == "yaml":
        assert block.run_by or block.not_run
    if block.language == "text":
        assert not [it for it in commands(block.code) if COMMAND.match(it)], "use sh"
    if block.run_by == ".ci/run":
        assert [it for it in commands(block.code) if it not in CI] == []
    elif block.run_by:
        assert f'"{block.document}"' in (ROOT / block.run_by).read_text(encoding="utf-8")


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_an_example_prints_what_its_comments_say(block: Block, tmp_path: Path) -> None:
    promised = re.findall(r"^print\(.*\)  # (.*)$", block.code, flags=re.MULTILINE)
    assert promised
    # In a process of its own: a rule or an optimiser that an example defines stays there.
    done = done_in(tmp_path, sys.executable, "-W", "error", "-c", block.code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == promised


@pytest.mark.slow
@pytest.mark.parametrize("block", SHELL, ids=str)
def test_the_commands_of_a_block_run(block: Block, tmp_path: Path) -> None:
    asked = commands(block.code)
    ours = [command for command in asked if command.startswith(OURS)]
    assert [command for command in asked if command not in ours and command not in CI] == []
    assert "kind=cluster" not in block.code, "a command that starts Ray has a test of its own"
    done = done_in(tmp_path, "bash", "-euc", "\n".join(ours))
    assert done.returncode == 0, done.stdout + done.stderr


def named_by(command: str) -> str:
    """Return why the verb or the module that a command names does not exist; empty if it does."""
    if not (found := COMMAND.match(command)):
        return ""
    program, name, argument = found.groups()
    if program == "sheafnet":
        return "" if name in VERBS or name.startswith("-") else f"no verb {name}"
    module = argument if name == "pydoc" and argument else name
    return "" if exists(module) else f"no module or name {module}"


def exists(dotted: str) -> bool:
    """Return whether pydoc finds a module, or a name in one."""
    return pydoc.locate(dotted) is not None or importlib.util.find_spec(dotted) is not None


@pytest.mark.parametrize("text", FILES, ids=lambda text: text.path)
def test_commands_within_sentences_and_in_blocks_that_are_not_run_exist(text: Document) -> None:
    written = [token.content for token in text.inline() if token.type == "code_inline"]
    written += [command for block in text.blocks() for command in commands(block.code)]
    # A word alone names a tool or a package, and not a command.
    assert [why for it in written if " " in it and (why := named_by(it))] == []


@pytest.mark.parametrize("text", FILES, ids=lambda text: text.path)
def test_local_links_lead_somewhere(text: Document) -> None:
    for target in text.targets():
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        there = (ROOT / text.path).parent / name if name else ROOT / text.path
        assert there.exists(), f"{text.path}: {target}"
        if anchor:
            other = document(str(there.resolve().relative_to(ROOT)))
            assert anchor in other.anchors(), f"{text.path}: {target}"


def test_links_in_docstrings_lead_out_of_the_project() -> None:
    targets = [(text.path, target) for text in GUIDES for target in text.targets()]
    assert targets
    assert [it for it in targets if not it[1].startswith(("http://", "https://"))] == []


def test_examples_with_a_prompt_show_what_python_answers() -> None:
    with_prompt = {text.path for text in GUIDES if ">>> " in text.text}
    assert with_prompt
    for path in with_prompt:
        module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
        assert doctest.testmod(module).failed == 0


def test_a_broken_link_and_an_unmarked_block_would_be_found() -> None:
    text = Document("README.md", "[a](gone.md#x) `b`\n\n<!-- not run: why -->\n```sh\nls\n```")
    assert list(text.targets()) == ["gone.md#x"]
    assert [(block.language, block.not_run) for block in text.blocks()] == [("sh", "why")]
    assert commands("a \\\n  b && c  # d\n# e\n") == ["a b", "c"]
    assert not MARK.search("<!-- not run:   -->")
    assert named_by("sheafnet rn digits") == "no verb rn"
    assert named_by("A=1 python -m tests.bench.gone 1") == "no module or name tests.bench.gone"
    assert named_by("python -m pydoc sheafnet.gone")
    assert not named_by("python -m pydoc sheafnet.infer")


# The gallery


def test_the_gallery_has_every_configuration() -> None:
    shown = [command for block in SHELL for command in commands(block.code)]
    for config in shipped_configs():
        assert f"sheafnet run configs/{config}.yaml" in shown


def test_every_picture_is_made_by_a_command_that_a_document_shows() -> None:
    assert {path.name for path in gallery.PICTURES.iterdir()} == set(gallery.GALLERY)
    shown = {Path(target).name for text in FILES for target in text.targets()}
    assert set(gallery.GALLERY) <= shown
    written = [command for block in BLOCKS for command in commands(block.code)]
    for picture in gallery.GALLERY.values():
        words = shlex.split(picture.command)
        start = words[:3] if words[0] == "python" else words
        assert any(set(start) <= set(shlex.split(it)) for it in written if "(" not in it)


@pytest.mark.slow
def test_a_picture_can_be_made_again(tmp_path: Path) -> None:
    gallery.make("light-cone.svg", tmp_path)
    picture = ElementTree.parse(tmp_path / "light-cone.svg").getroot()
    assert picture.tag.endswith("svg")
