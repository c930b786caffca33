"""The shape of ARCHITECTURE.md, held by a walk over the syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "tintype"
MODULES = sorted(PACKAGE.rglob("*.py"))

HOMES = {
    "flask": ("web/",),
    "werkzeug": ("web/",),
    "asyncio": ("chromium/",),
    "pyvips": ("imaging/",),
    "redis": ("state/redis",),
    "sqlite3": ("state/sqlite",),
    "boto3": ("storage/s3.py",),
    "botocore": ("storage/s3.py",),
    "granian": ("cli.py", "commands/"),
    "click": ("cli.py", "commands/"),
    "httpx": ("engines/snapsharp.py",),
    "dotenv": ("settings/reading.py",),
    "ada_url": ("urls.py",),
    "adblock": ("filters/engine.py",),
    "prometheus_client": ("telemetry/",),
    "opentelemetry": ("telemetry/",),
}
"""Third parties with one home each: where they may be imported."""

RINGS = (
    {"errors", "brief"},
    {"options", "model"},
    {"protocols", "wire", "challenge", "egress", "logs", "allocator", "signing", "telemetry"},
    {"urls", "imaging", "openapi"},
    {"lookup"},
    {"filters"},
    {"service"},
    {"chromium"},
    {"engines", "state", "storage", "web"},
    {"notation", "migration"},
    {"settings"},
    {"backends"},
    {"reference"},
    {"assembly"},
    {"doctor", "install", "batch"},
    {"commands"},
    {"cli"},
    {"__main__"},
)
"""From the inside out: a module imports from its own ring's inner neighbours only."""

INWARD_EXCEPTIONS = {("web", "assembly")}
"""create_app() without arguments is the WSGI server's entry: it assembles itself, lazily."""

LONGEST_FILE, LONGEST_FUNCTION = 300, 40


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            if node.module == "tintype":
                yield from (f"tintype.{name.name}" for name in node.names)
            else:
                yield node.module


def ring_of(name: str) -> int:
    return next(depth for depth, ring in enumerate(RINGS) if name in ring)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
class TestEveryModule:
    def test_keeps_third_parties_in_their_homes(self, path: Path) -> None:
        where = str(path.relative_to(PACKAGE))
        strays = [
            name
            for name in imports(path)
            if (homes := HOMES.get(name.partition(".")[0])) and not where.startswith(homes)
        ]
        assert strays == []

    def test_imports_only_inwards(self, path: Path) -> None:
        mine = room(path)
        if mine == "__init__":
            return
        rooms = {name.split(".")[1] for name in imports(path) if name.startswith("tintype.")} - {"__version__"}
        outward = [
            name
            for name in sorted(rooms - {mine})
            if ring_of(name) >= ring_of(mine) and (mine, name) not in INWARD_EXCEPTIONS
            if not (ring_of(name) == ring_of(mine) and ring_of(mine) < ring_of("service"))
        ]
        assert outward == []

    def test_is_one_thing(self, path: Path) -> None:
        assert len(path.read_text().splitlines()) <= LONGEST_FILE

    def test_says_what_it_is_for(self, path: Path) -> None:
        assert ast.get_docstring(ast.parse(path.read_text()))

    def test_has_functions_that_fit_a_screen(self, path: Path) -> None:
        functions = [
            node
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        long = {f.name: n for f in functions if (n := (f.end_lineno or 0) - f.lineno + 1) > LONGEST_FUNCTION}
        assert long == {}


def test_settings_are_read_only_at_the_rim() -> None:
    readers = {room(path) for path in MODULES if "tintype.settings" in set(imports(path))}
    assert readers <= {"assembly", "backends", "cli", "commands", "doctor", "install", "reference", "settings"}


def test_nothing_is_ever_pickled() -> None:
    assert not [path for path in MODULES if {"pickle", "shelve", "dill"} & set(imports(path))]
