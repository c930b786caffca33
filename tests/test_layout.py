"""Layout of the tests: they mirror the modules, share code through tests/support, and wait for conditions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT, TESTS

SCENARIOS = {"e2e", "gallery", "hostile", "playground", "security", "site", "verdict"}
"""Folders of tests about behaviour across modules."""
REPOSITORY = {
    "architecture",
    "budgets",
    "deploy",
    "docs",
    "examples",
    "image",
    "layout",
    "release",
    "site",
    "vocabulary",
}
"""Subjects of ``tests/test_*.py`` that are not modules."""
HARNESS = [path for path in sorted((ROOT / "harness").glob("*.py")) if path.name != "waiting.py"]
MODULES = sorted(path for path in TESTS.rglob("*.py") if "__pycache__" not in path.parts)
TEST_MODULES = [path for path in MODULES if path.name.startswith("test_")]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(path: Path) -> Iterator[str]:
    """Dotted names of the modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))


def calls(path: Path) -> set[str]:
    """Dotted names of the functions that a file calls."""
    nodes = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    return {ast.unparse(node.func) for node in nodes if isinstance(node.func, ast.Attribute | ast.Name)}


def mirrored(path: Path) -> Iterator[Path]:
    """The modules that a test module may be named after; an aspect may follow: test_thumb_post.py for thumb.py."""
    folder, words = path.relative_to(TESTS).parent, path.stem.split("_")[1:]
    base = ROOT / folder if folder.parts[:1] == ("bench",) else ROOT / "tintype" / folder
    package = folder.name.split("_")
    if words[: len(package)] == package:
        yield base / "__init__.py"
    for count in range(len(words), 0, -1):
        subject = "_".join(words[:count])
        yield from (base / f"{subject}.py", base / subject / "__init__.py")


def waits(path: Path) -> Iterator[str]:
    """Calls that wait for a fixed time; ``asyncio.sleep(0)`` only yields to the event loop."""
    for node in ast.walk(ast.parse(path.read_text())):
        is_sleep = isinstance(node, ast.Call) and ast.unparse(node.func) in {"time.sleep", "sleep", "asyncio.sleep"}
        if is_sleep and not ast.unparse(node).endswith("(0)"):
            yield ast.unparse(node)


@pytest.mark.parametrize("path", TEST_MODULES, ids=name_of)
def test_test_modules_are_named_after_a_module(path: Path) -> None:
    folder = path.relative_to(TESTS).parent
    if folder.parts[:1] and folder.parts[0] in SCENARIOS:
        return
    if not folder.parts and path.stem.removeprefix("test_") in REPOSITORY:
        return
    assert any(module.exists() for module in mirrored(path)), "name it after the module that it tests"


@pytest.mark.parametrize("path", [*MODULES, *HARNESS], ids=name_of)
class TestModulesOfTests:
    def test_import_no_test_module(self, path: Path) -> None:
        shared = {name for name in imported(path) if name.startswith("tests.")}
        assert {name for name in shared if any(part.startswith("test_") for part in name.split(".")[1:])} == set()

    def test_wait_for_conditions_instead_of_sleeping(self, path: Path) -> None:
        assert list(waits(path)) == [], "use eventually"

    def test_run_coroutines_by_the_decorator(self, path: Path) -> None:
        if path != TESTS / "support" / "concurrency.py":
            assert calls(path) & {"asyncio.run", "asyncio.new_event_loop"} == set(), "use async_test"


@pytest.mark.parametrize("folder", ["bench", "examples", "harness", "scripts", "tintype"])
def test_code_outside_of_tests_imports_no_tests(folder: str) -> None:
    paths = [path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts]
    assert {name_of(path) for path in paths if any(name.split(".")[0] == "tests" for name in imported(path))} == set()
