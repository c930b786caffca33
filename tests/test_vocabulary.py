"""Rules of language: docs/glossary.md and CONTRIBUTING.md, checked over names, docstrings, comments and pages."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tintype.settings import Settings
from tintype.telemetry.definitions import METRICS

MODULES = sorted((ROOT / "tintype").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
PAGE_SCRIPTS = sorted((ROOT / "tintype").rglob("*.js"))
PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")} - {ROOT / "docs" / "glossary.md"})
"""Prose for people. The glossary is left out because it lists the words that are not to be used."""

# fmt: off
RETIRED = frozenset({
    "account", "assembly", "beforehand", "booth", "bundle", "cards", "census", "challenge", "checkup", "crew",
    "dialect", "discreet", "disguise", "door", "enclosure", "escort", "exposure", "gate", "glance", "guest",
    "guests", "handed", "insist", "journal", "judge", "judgement", "known", "ledger", "line", "linger", "look",
    "meter", "mistake", "mistakes", "notation", "outage", "passenger", "passengers", "patience", "place",
    "places", "question", "questions", "reception", "recipe", "renewal", "renewals", "retouch", "seat", "seats",
    "settle", "settling", "shelf", "sieve", "signs", "stable", "stage", "starter", "studio", "territory",
    "turn", "turns", "veil", "village", "visitor", "visitors", "wanted", "whole", "witness",
})
# fmt: on
"""Images and ambiguous words that named modules, classes, metrics and settings before docs/glossary.md."""

OBLIQUE = re.compile(r"\b(whoever|whomever|somebody|everybody|anybody|lest|nobody(?= +[a-z]))\b", re.IGNORECASE)
"""Words in place of an actor: write client, worker, browser, page or operator. ``nobody`` is also a user of Unix."""

# fmt: off
HALF_SENTENCE = frozenset({
    "am", "and", "are", "as", "at", "be", "been", "but", "by", "could", "did", "do", "for", "from", "if", "in",
    "is", "may", "might", "must", "nor", "not", "of", "on", "or", "should", "than", "that", "to", "was", "were",
    "what", "when", "where", "which", "while", "who", "whom", "whose", "with", "without", "would",
})
# fmt: on
"""First words of a test's name that make it a half sentence; begin with a verb (``rejects``) or a subject."""

NEGATION = frozenset({"no", "not", "never", "none", "nothing", "without", "cannot", "does", "unforeseen"})


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def words_of(name: str) -> set[str]:
    """The words of a snake_case or CamelCase name, in lower case."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def classes() -> Iterator[tuple[str, Path]]:
    for path in MODULES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ClassDef):
                yield node.name, path


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Docstrings with their lines, those below attributes included."""
    for node in ast.walk(tree):
        if not isinstance(body := getattr(node, "body", None), list):
            continue
        for statement in body:
            value = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield statement.lineno, value.value


def comments(path: Path) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("# ")


def events() -> Iterator[tuple[str, str]]:
    """Names of log events with the place where each is logged."""
    levels = {"debug", "info", "warning", "error", "exception", "critical"}
    for path in MODULES:
        for node in ast.walk(tree_of(path)):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
                continue
            if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "log"):
                continue
            if node.func.attr in levels or (node.func.attr == "log" and len(node.args) > 1):
                event = node.args[0 if node.func.attr in levels else 1]
                assert isinstance(event, ast.Constant), f"{relative(path)}:{node.lineno}: an event is a constant"
                yield str(event.value), f"{relative(path)}:{node.lineno}"


class TestNames:
    def test_every_class_name_is_unique(self) -> None:
        places = defaultdict(list)
        for name, path in classes():
            places[name].append(relative(path))
        assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}

    def test_modules_avoid_retired_words(self) -> None:
        named = [path.with_suffix("").relative_to(ROOT / "tintype") for path in MODULES]
        assert [str(name) for name in named if RETIRED & words_of(str(name))] == []

    def test_classes_avoid_retired_words(self) -> None:
        assert [f"{relative(path)}: {name}" for name, path in classes() if RETIRED & words_of(name)] == []

    def test_metrics_avoid_retired_words(self) -> None:
        assert [metric.name for metric in METRICS if RETIRED & words_of(metric.name)] == []

    def test_settings_avoid_retired_words(self) -> None:
        assert [name for name in Settings.model_fields if RETIRED & words_of(name)] == []

    def test_log_events_are_a_subject_and_a_verb(self) -> None:
        wrong = [
            f"{where}: {event}"
            for event, where in events()
            if not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)+", event) or NEGATION & set(event.split("_"))
        ]
        assert wrong == []

    def test_test_names_are_readable_alone(self) -> None:
        wrong = [
            f"{relative(path)}:{node.lineno}: {node.name}"
            for path in TESTS
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
            if node.name.split("_")[1] in HALF_SENTENCE
        ]
        assert wrong == []


class TestProse:
    @pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=relative)
    def test_module_docstring_is_a_statement(self, path: Path) -> None:
        docstring = ast.get_docstring(tree_of(path)) or ""
        assert "?" not in re.sub(r"\?[a-z]+=", "", docstring)

    @pytest.mark.parametrize("path", MODULES, ids=relative)
    def test_sentences_begin_with_their_subject(self, path: Path) -> None:
        texts = [*docstrings(tree_of(path)), *comments(path)]
        begins = re.compile(r"(Whoever|Nobody|Somebody|Everybody|Anybody|Who|What)\b")
        assert [f"{line}: {text.splitlines()[0]}" for line, text in texts if begins.match(text.strip())] == []

    @pytest.mark.parametrize("path", [*MODULES, *PAGE_SCRIPTS, *TESTS, *PAGES], ids=relative)
    def test_sentences_name_their_actor(self, path: Path) -> None:
        if path == Path(__file__):
            pytest.skip("lists the words")
        lines = path.read_text(encoding="utf-8").splitlines()
        assert [f"{number}: {line.strip()}" for number, line in enumerate(lines, 1) if OBLIQUE.search(line)] == []
