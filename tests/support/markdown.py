"""The project's Markdown: its files, and the guides that are docstrings of packages.

A block of code is run by ``tests/project/test_documents.py``, unless a comment on the line above it
says ``<!-- not run: why -->`` or ``<!-- run by: tests/some/test_file.py -->``.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

import sheafnet

ROOT = Path(sheafnet.__file__).parent.parent
FOLDERS = (".", ".github", "configs", "deploy", "tests")
MARK = re.compile(r"<!-- (not run|run by): (\S.*?) -->")
PARSER = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True)
class Block:
    """A fenced block of code.

    Attributes
    ----------
    document
        Path of the file, relative to the root of the project.
    line
        Line of the document in which the block begins.
    language
        First word after the fence, such as ``python`` or ``sh``.
    code
        Text of the block.
    not_run
        Reason why the block is not run; empty if it is.
    run_by
        Path of the test file that runs it, where this is not ``test_documents.py``; else empty.
    """

    document: str
    line: int
    language: str
    code: str
    not_run: str = ""
    run_by: str = ""

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


@dataclass(frozen=True)
class Document:
    """A Markdown text and where it stands."""

    path: str
    text: str
    first_line: int = 1

    def tokens(self) -> list[Token]:
        """Return the tokens of the text, block by block."""
        return PARSER.parse(self.text)

    def blocks(self) -> Iterator[Block]:
        """Yield the fenced blocks."""
        mark = None
        for token in self.tokens():
            if token.type == "fence":
                kind, what = mark.groups() if mark else ("", "")
                yield Block(
                    document=self.path,
                    line=self.first_line + (token.map or [0])[0],
                    language=token.info.partition(" ")[0],
                    code=token.content,
                    not_run=what if kind == "not run" else "",
                    run_by=what if kind == "run by" else "",
                )
            mark = MARK.search(token.content) if token.type == "html_block" else None

    def inline(self) -> Iterator[Token]:
        """Yield the inline tokens: text, code, links, images and HTML."""
        for token in self.tokens():
            yield from token.children or ()

    def targets(self) -> Iterator[str]:
        """Yield the targets of links and the sources of images, HTML included."""
        for token in self.inline():
            yield from (str(value) for key, value in token.attrs.items() if key in ("href", "src"))
        yield from re.findall(r'<(?:img|a)\s[^>]*?(?:src|href)="([^"]+)"', self.text)

    def anchors(self) -> set[str]:
        """Return the anchors of the headings, as GitHub makes them."""
        tokens = self.tokens()
        headings = [
            after.content
            for token, after in itertools.pairwise(tokens)
            if token.type == "heading_open"
        ]
        return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


def markdown_files() -> list[Document]:
    """Return the Markdown files of the project."""
    found = [path for name in FOLDERS for path in _markdown_in(ROOT / name, deep=name != ".")]
    return [
        Document(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
        for path in sorted(found)
    ]


def _markdown_in(folder: Path, *, deep: bool) -> Iterable[Path]:
    return folder.rglob("*.md") if deep else folder.glob("*.md")


def docstrings() -> list[Document]:
    """Return every docstring of the package."""
    return [
        Document(str(path.relative_to(ROOT)), text, line)
        for path in sorted((ROOT / "sheafnet").rglob("*.py"))
        for text, line in _docstrings_of(path)
    ]


def _docstrings_of(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield text, node.body[0].lineno


def document(path: str) -> Document:
    """Return the Markdown file at a path relative to the root of the project."""
    return Document(path, (ROOT / path).read_text(encoding="utf-8"))


def commands(script: str) -> list[str]:
    """Return the commands of a shell script, one a line or joined by ``&&``, without comments."""
    lines = script.replace("\\\n", " ").splitlines()
    parts = [part.split(" #")[0].strip() for line in lines for part in line.split("&&")]
    return [" ".join(part.split()) for part in parts if part and not part.startswith("#")]
