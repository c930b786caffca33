"""Documentation matches the code: tables, commands, names, links."""

from __future__ import annotations

import re
import tomllib
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
import yaml
from click import Context, Option
from click.testing import CliRunner

from scripts import doc_tables
from tests.support.paths import ROOT
from tintype import cli, errors
from tintype.model import Freshness
from tintype.options import Options
from tintype.options.devices import DEVICES
from tintype.request_parser import RequestParser
from tintype.settings import Settings
from tintype.telemetry.definitions import BY_NAME
from tintype.urls import TargetPolicy

README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
ALL_PAGES = [*PAGES, ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
SETTING_NAMES = {str(field.validation_alias) for field in Settings.model_fields.values()}


def title(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=title)
def test_tables_match_the_code(page: Path) -> None:
    assert page.read_text() == doc_tables.refresh(page.read_text()), "run: make docs"


def test_nginx_map_lists_every_option() -> None:
    assert (ROOT / "deploy" / "nginx" / "options.conf").read_text() == doc_tables.nginx_known_options(), (
        "run: make docs"
    )


@pytest.mark.parametrize("table", doc_tables.TABLES)
def test_every_table_is_in_a_page(table: str) -> None:
    assert [page for page in PAGES if f"<!-- {table} -->" in page.read_text()] != []


def test_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) < 180


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ("options", set(Options.model_fields)),
        ("settings", SETTING_NAMES),
        ("errors", {error.code for error in errors.ALL}),
        ("devices", set(DEVICES)),
        ("metrics", set(BY_NAME)),
    ],
)
def test_tables_are_complete(table: str, names: set[str]) -> None:
    text = doc_tables.TABLES[table]()
    assert {name for name in names if f"| `{name}` |" not in text} == set()


def test_refresh_changes_only_text_between_markers() -> None:
    page = "before\n<!-- devices -->\nstale\n<!-- /devices -->\nafter\n"
    fresh = doc_tables.refresh(page)
    assert fresh.startswith("before\n<!-- devices -->\n\n| device |")
    assert fresh.endswith("|\n\n<!-- /devices -->\nafter\n")
    assert "stale" not in fresh
    assert doc_tables.refresh(fresh) == fresh


def test_env_example_lists_existing_settings() -> None:
    named = re.findall(r"^#?([A-Z_0-9]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert {name for name in named if not name.startswith("AWS_")} <= SETTING_NAMES
    assert {"SNAPSHARP_API_KEY", "REDIS_URL", "S3_BUCKET", "S3_REGION"} <= set(named)


def test_env_example_is_valid(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text(re.sub(r"^#(?=[A-Z_]+=)", "", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))
    assert Settings.load({}, env).thumb_limit == "30 per minute"


@pytest.mark.parametrize("page", ALL_PAGES, ids=title)
def test_settings_in_pages_exist(page: Path) -> None:
    named = set(re.findall(r"\b(TINTYPE_[A-Z_]+|S3_[A-Z_]+|SNAPSHARP_[A-Z_]+)\b", page.read_text()))
    assert {name.removesuffix("_FILE") for name in named} <= SETTING_NAMES


def test_two_nodes_example_uses_existing_names_and_settings() -> None:
    folder = ROOT / "deploy" / "two-nodes"
    services = yaml.safe_load((folder / "compose.yml").read_text())["services"]
    upstream = re.findall(r"^server (\w+):", (folder / "nodes.conf").read_text(), re.MULTILINE)
    assert upstream == list(services["nginx"]["depends_on"])
    assert all(set(services[node]["environment"]) <= SETTING_NAMES for node in upstream)


@pytest.mark.parametrize("page", ALL_PAGES, ids=title)
def test_links_resolve(page: Path) -> None:
    links = re.findall(r"(?:\]\(|<img src=\")(?!https?://)([^)#\"]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", ALL_PAGES, ids=title)
def test_commands_in_pages_exist(page: Path) -> None:
    named = set(re.findall(r"(?:`|/bin/|^)tintype ([a-z][a-z-]*)", page.read_text(), re.MULTILINE))
    assert named <= set(cli.COMMANDS)
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`?\bmake ([a-z-]+)\b`", page.read_text())) <= targets


@pytest.mark.parametrize("page", PAGES, ids=title)
def test_urls_in_pages_are_valid(page: Path) -> None:
    """Those of examples, that is, without a gap to be filled in."""
    reader = RequestParser(TargetPolicy(), Freshness(max_age=86_400), 2_592_000)
    for query in re.findall(r"/(?:thumb|meta)\?(url=[^\s\"'`|)<>]+)", page.read_text()):
        if not re.search(r"[…$]|^url=$", query):
            pairs = parse_qsl(unescape(query), strict_parsing=True)
            reader.parse([pair for pair in pairs if pair[0] not in {"sig", "expires"}], from_body=False)


def test_every_command_and_flag_has_a_help_text() -> None:
    with Context(cli.tintype) as context:
        commands = {name: cli.tintype.get_command(context, name) for name in cli.COMMANDS}
    for name, command in commands.items():
        assert command is not None
        assert command.help, name
        assert [flag.name for flag in command.params if isinstance(flag, Option) and not flag.help] == []


def test_every_command_has_a_section() -> None:
    sections = re.findall(r"^## tintype (\S*)$", (ROOT / "docs" / "commands.md").read_text(), re.MULTILINE)
    assert sections == list(cli.COMMANDS)


def test_shot_has_a_flag_for_every_option() -> None:
    text = CliRunner().invoke(cli.tintype, ["shot", "--help"]).output
    flags = {f"--{name.replace('_', '-')}" for name in Options.model_fields} - {"--url", "--on-error", "--placeholder"}
    assert {flag for flag in flags if flag not in text and flag.replace("--", "--no-") not in text} == set()


def test_no_table_has_an_empty_header() -> None:
    heads = re.compile(r"^(\|.*\|)\n\|[\s:|-]+\|$", re.MULTILINE)
    found = [(title(page), head) for page in ALL_PAGES for head in heads.findall(page.read_text())]
    assert len(found) > 40
    assert [each for each in found if "" in [cell.strip() for cell in each[1].strip("|").split("|")]] == []


def test_pages_for_a_task_begin_with_the_command() -> None:
    menu = yaml.safe_load(re.sub(r"^  - scripts/.*$", "", (ROOT / "mkdocs.yml").read_text(), flags=re.MULTILINE))["nav"]
    tasks = ["quickstart.md"]
    for section in menu:
        for name, entries in section.items():
            tasks += [next(iter(each.values())) for each in entries if name in {"Use", "Run", "Migrate from"}]
    assert len(tasks) > 20
    late = [task for task in tasks if not re.match(r"# [^\n]+\n+```", (ROOT / "docs" / task).read_text())]
    assert late == []


def test_pages_name_no_other_repository_than_the_project() -> None:
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"].get("urls", {}).values()
    cloned = {url for page in ALL_PAGES for url in re.findall(r"git clone\s+(\S+)", page.read_text())}
    assert cloned <= set(urls), "set [project.urls] in pyproject.toml"


def test_changelog_has_an_unreleased_section() -> None:
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()


class TestLockFiles:
    LOCKS = (ROOT / "requirements.lock", ROOT / "requirements-dev.lock", ROOT / "requirements-release.lock")

    @pytest.mark.parametrize("lock", LOCKS, ids=title)
    def test_contain_no_url_and_no_path(self, lock: Path) -> None:
        assert not re.search(r"https?://|file:|--index|--extra-index|--find-links|/home/|/root/", lock.read_text())

    @pytest.mark.parametrize("lock", LOCKS, ids=title)
    def test_pin_every_package_by_version_and_hash(self, lock: Path) -> None:
        entries = re.split(r"\n(?=[a-zA-Z0-9])", lock.read_text().partition("\n")[2])
        loose = [e.splitlines()[0] for e in entries if "==" not in e.splitlines()[0] or "--hash=sha256:" not in e]
        assert loose == []

    def test_contain_every_dependency(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        extras = project["optional-dependencies"]
        wanted = [project["dependencies"], project["dependencies"] + extras["dev"], extras["release"]]
        for lock, dependencies in zip(self.LOCKS, wanted, strict=True):
            pinned = set(re.findall(r"^([a-z0-9.-]+)==", lock.read_text(), re.MULTILINE))
            named = {re.split(r"[\[<>=~!; ]", dependency)[0].lower() for dependency in dependencies}
            assert named <= pinned, "run: make lock"

    def test_pin_the_same_versions(self) -> None:
        base, dev, release = (
            set(re.findall(r"^([a-z0-9.-]+==\S+)", lock.read_text(), re.MULTILINE)) for lock in self.LOCKS
        )
        assert base <= dev <= release


def test_hooks_use_the_tools_of_the_virtual_environment() -> None:
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert local["repo"] == "local"
    assert all(hook["entry"].startswith(".venv/bin/") for hook in local["hooks"])
