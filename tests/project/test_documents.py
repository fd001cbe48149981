"""Code blocks in Markdown files and docstrings are run, and local links lead somewhere."""

from __future__ import annotations

import importlib.util
import os
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
BLOCKS = [block for text in (*FILES, *docstrings()) for block in text.blocks()]
TO_RUN = [block for block in BLOCKS if not (block.not_run or block.run_by)]
PYTHON = [block for block in TO_RUN if block.language == "python"]
SHELL = [block for block in TO_RUN if block.language == "sh"]
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
    if block.run_by:
        runner = (ROOT / block.run_by).read_text(encoding="utf-8")
        if block.run_by == ".ci/run":
            assert [it for it in commands(block.code) if it not in runner] == []
        else:
            assert block.document in runner


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
    ours = [command for command in asked if command.startswith("sheafnet ")]
    # What installs and what tests is run by CI, as it is written.
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert [command for command in asked if command not in ours and command not in ci] == []
    assert "cluster" not in block.code, "a command that starts Ray has a test of its own"
    done = done_in(tmp_path, "bash", "-euc", "\n".join(ours))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("text", FILES, ids=lambda text: text.path)
def test_commands_within_sentences_exist(text: Document) -> None:
    for token in text.inline():
        if token.type == "code_inline":
            words = token.content.split()
            if len(words) > 1 and words[0] == "sheafnet":
                assert words[1] in VERBS, token.content
            if words[:2] == ["python", "-m"] and len(words) > 2:
                assert importlib.util.find_spec(words[2]), token.content


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


def test_a_broken_link_and_an_unmarked_block_would_be_found() -> None:
    text = Document("README.md", "[a](gone.md#x) `b`\n\n<!-- not run: why -->\n```sh\nls\n```")
    assert list(text.targets()) == ["gone.md#x"]
    assert [(block.language, block.not_run) for block in text.blocks()] == [("sh", "why")]
    assert commands("a \\\n  b && c  # d\n# e\n") == ["a b", "c"]


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
