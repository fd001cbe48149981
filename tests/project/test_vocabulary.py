"""The vocabulary of names: each word has one meaning, and replaced words do not return."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import sheafnet

ROOT = Path(sheafnet.__file__).parent.parent
FILES = sorted([*(ROOT / "sheafnet").rglob("*.py"), *(ROOT / "tests").rglob("*.py")])

REPLACED = {
    "incarnation": {"life", "lives", "rise", "rises"},
    "latest": {"heard", "told"},
    "send_threshold": {"quiet"},
    "snapshot, or partition": {"cut", "cuts"},
    "evaluation, or poll": {"look", "looks"},
    "unacknowledged, in flight, timed out": {"unheard", "flight", "flights"},
    "stationary, idle, stalled, on a kink": {"rest", "rests", "rested", "standstill"},
    "settings, specification": {"recipe", "recipes"},
    "index, position": {"place", "places"},
    "supervisor, coordinator, pool, reaper": {"crew", "conductor", "staff", "undertaker"},
    "deployment, progress, deferral": {"roster", "survey", "restraint"},
    "pass, map learner, plan": {"passage", "lesson", "lessons", "course", "courses"},
    "hooks": {"guide", "guided"},
    "message, entry, state": {"letter", "letters", "tally"},
    "set_pins": {"repin", "repinned"},
}
"""The word or words in use → the former words that they replace."""

ONE_MEANING = {
    "patience": "the evaluations without a better loss after which training stops",
    "window": "the frames that a host may have in flight to a peer",
}
HOMES = {
    "patience": re.compile(r"sheafnet/(api|runtime/jobs/|config/(schema|builders)/)"),
    "window": re.compile(
        r"sheafnet/(runtime/(hosts|simulator|cluster)/|config/(schema|builders)/)"
    ),
}
"""The files of the package in which a name may contain such a word."""

EXCEPTIONS = {
    "in_flight": "frames, or batches, that are in flight: what flights became",
    "IN_FLIGHT": "the same",
    "FrameInFlight": "the same",
}


def names(tree: ast.AST) -> Iterator[str]:
    """Yield every name that the code defines or uses."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.Name(id=name):
                yield name
            case ast.arg(arg=name) | ast.Attribute(attr=name) | ast.alias(name=name):
                yield name
            case ast.keyword(arg=str(name)) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.MatchAs(name=str(name)) | ast.ExceptHandler(name=str(name)):
                yield name


def words(name: str) -> set[str]:
    """Return the words of a name in lower case, without those of ``EXCEPTIONS``."""
    for exception in EXCEPTIONS:
        name = name.replace(exception, "")
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_name_has_a_word_that_was_given_up(path: Path) -> None:
    where = str(path.relative_to(ROOT))
    spoken = {word: name for name in names(ast.parse(path.read_text())) for word in words(name)}
    for instead, given_up in REPLACED.items():
        for word in given_up & spoken.keys():
            raise AssertionError(f"{where}: {spoken[word]!r}: say {instead}")
    for word, meaning in ONE_MEANING.items():
        if word in spoken and where.startswith("sheafnet/"):
            assert HOMES[word].match(where), f"{spoken[word]!r}: {word} is {meaning}"


def test_the_words_that_were_given_up_would_be_found() -> None:
    tree = ast.parse(
        "class HostRecipe:\n    def look(self, last_lives=0): self._cuts = told(rest=1)"
    )
    spoken = set().union(*map(words, names(tree)))
    assert {"recipe", "look", "lives", "cuts", "told", "rest"} <= spoken


def test_no_module_is_named_for_a_word_that_was_given_up() -> None:
    stems = set().union(*(words(path.stem) for path in FILES))
    assert not stems & set().union(*REPLACED.values())


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if path.is_relative_to(ROOT / "sheafnet")],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_a_module_says_what_it_is_with_a_noun(path: Path) -> None:
    text = ast.get_docstring(ast.parse(path.read_text()))
    assert text
    assert text.split()[0] not in {"What", "How", "When", "Where", "Which", "Who"}
