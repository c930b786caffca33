"""Rules of ARCHITECTURE.md, checked over the syntax trees: imports, sizes, docstrings."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

PACKAGE = ROOT / "tintype"
MODULES = sorted(PACKAGE.rglob("*.py"))

HOMES = {
    "flask": ("web/",),
    "werkzeug": ("web/",),
    "asyncio": ("chromium/", "rpc/"),
    "msgspec": ("rpc/",),
    "aiohappyeyeballs": ("chromium/proxy/relay.py",),
    "cronsim": ("schedules/",),
    "dramatiq": ("state/broker",),
    "pika": ("state/broker",),
    "protego": ("sitemaps/",),
    "pyvips": ("imaging/",),
    "standardwebhooks": ("webhooks/",),
    "redis": ("state/redis",),
    "sqlite3": ("state/sqlite",),
    "boto3": ("storage/s3_client.py",),
    "botocore": ("storage/s3",),
    "granian": ("cli.py", "commands/"),
    "click": ("cli.py", "commands/"),
    "httpx": ("engines/snapsharp.py",),
    "httpcore": ("network/outbound",),
    "yaml": ("batch/yaml_list.py",),
    "dotenv": ("settings/sources.py",),
    "ada_url": ("urls.py",),
    "adblock": ("filters/engine.py",),
    "prometheus_client": ("telemetry/",),
    "psutil": ("network/interfaces.py",),
    "opentelemetry": ("telemetry/",),
}
"""Third-party packages and the modules that may import them."""

RINGS = (
    {"errors", "lean_imports"},
    {"problems"},
    {"options", "model"},
    {
        "protocols",
        "rpc",
        "network.egress",
        "logs",
        "console_log",
        "access_log",
        "quarantine",
        "circuit_breaker",
        "deadline",
        "progress",
        "low_priority",
        "shared_memory",
        "malloc",
        "cores",
        "bounded_cache",
        "computed_once",
        "signing",
        "telemetry",
        "rates",
        "api_keys",
        "webhook_secrets",
    },
    {"urls", "imaging", "purge_signal"},
    {"network"},
    {"filters", "request_parser", "cache_tags", "sitemaps"},
    {"service"},
    {"webhooks"},
    {"jobs"},
    {"schedules"},
    {"chromium", "provision"},
    {"engines", "state", "storage", "web"},
    {"migrate"},
    {"settings"},
    {"backends"},
    {"job_components", "webhook_components"},
    {"application"},
    {"provision.doctor", "batch"},
    {"commands"},
    {"cli"},
    {"__main__"},
)
"""From the inside out: a module imports from its own package and from inner rings only."""

INWARD_EXCEPTIONS = {("web", "application")}
"""create_app() without arguments is the entry point of WSGI servers: it imports the application when called."""

LONGEST_FILE, LONGEST_FUNCTION = 400, 40


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def dotted(path: Path) -> str:
    return str(path.relative_to(PACKAGE).with_suffix("")).replace("/", ".").removesuffix(".__init__")


def same_room(one: str, other: str) -> bool:
    """Whether two modules are in one package, or in chromium and provision, which use each other."""
    first, second = one.partition(".")[0], other.partition(".")[0]
    return first == second or {first, second} == {"chromium", "provision"}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from {imported(node.module, name.name) for name in node.names}


def imported(package: str, name: str) -> str:
    """The module that ``from package import name`` imports: a module of that package, or the package itself."""
    inside = PACKAGE.parent.joinpath(*package.split("."), name)
    is_module = package == "tintype" or inside.with_suffix(".py").exists() or inside.is_dir()
    return f"{package}.{name}" if is_module else package


def ring_of(module: str) -> int:
    """The ring of a dotted module name without ``tintype.``; the longest name in a ring that fits decides."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        for depth, ring in enumerate(RINGS):
            if name in ring:
                return depth
    raise AssertionError(f"{module} is in no ring")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
class TestEveryModule:
    def test_imports_third_parties_only_where_permitted(self, path: Path) -> None:
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
        depth = ring_of(dotted(path))
        others = {name.removeprefix("tintype.") for name in imports(path) if name.startswith("tintype.")}
        outward = [
            name
            for name in sorted(others - {"__version__"})
            if name.split(".")[0] != mine or "." in name
            if (mine, name.split(".")[0]) not in INWARD_EXCEPTIONS
            if ring_of(name) > depth
            or (ring_of(name) == depth >= ring_of("service") and not same_room(name, dotted(path)))
        ]
        assert outward == []

    def test_module_has_a_limited_number_of_lines(self, path: Path) -> None:
        assert len(path.read_text().splitlines()) <= LONGEST_FILE

    def test_module_has_a_docstring(self, path: Path) -> None:
        assert ast.get_docstring(ast.parse(path.read_text()))

    def test_functions_have_a_limited_number_of_lines(self, path: Path) -> None:
        functions = [
            node
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        long = {f.name: n for f in functions if (n := (f.end_lineno or 0) - f.lineno + 1) > LONGEST_FUNCTION}
        assert long == {}


def test_only_outer_packages_import_settings() -> None:
    readers = {room(path) for path in MODULES if "tintype.settings" in set(imports(path))}
    assert readers <= {
        "application",
        "backends",
        "cli",
        "commands",
        "job_components",
        "provision",
        "settings",
        "webhook_components",
    }


def test_no_module_imports_pickle() -> None:
    assert not [path for path in MODULES if {"pickle", "shelve", "dill"} & set(imports(path))]
