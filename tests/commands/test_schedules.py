"""``tintype schedules`` with a real service; one schedule is captured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from harness.node import Node
from harness.site_server import SiteServer
from tests.support.concurrency import eventually
from tests.support.terminal import Terminal
from tintype.commands import ExitCode

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site() -> Iterator[SiteServer]:
    with SiteServer() as site:
        yield site


@pytest.fixture(scope="module")
def node(site: SiteServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    env = {"TINTYPE_ALLOW_ADDRESSES": f"127.0.0.1:{site.port}", "TINTYPE_TIMEOUT": "300", "TINTYPE_WORKERS": "1"}
    with Node(data=tmp_path_factory.mktemp("schedules") / "data", env=env) as node:
        yield node


@pytest.fixture
def schedules(tintype: Terminal, node: Node, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A call of ``tintype schedules`` for the service."""
    monkeypatch.setenv("TINTYPE_SERVER", f"http://127.0.0.1:{node.port}")
    return lambda *arguments: tintype("schedules", *arguments)


@pytest.fixture
def created(node: Node, site: SiteServer) -> Iterator[str]:
    """The id of a paused schedule."""
    members = {"page": site.url("/article.html"), "every": "6h", "paused": True, "name": "article"}
    schedule = str(node.client.post("/schedules", json=members).raise_for_status().json()["id"])
    yield schedule
    node.client.delete(f"/schedules/{schedule}")


def test_runs_and_shows_a_schedule(schedules: Any, tintype: Terminal, node: Node, created: str) -> None:
    assert schedules("run", created) == ExitCode.OK, tintype.err
    assert eventually(lambda: node.get(f"/schedules/{created}/runs").json()["runs"][:1] != [], within=60)
    assert eventually(lambda: node.get(f"/schedules/{created}/runs").json()["runs"][0]["ended_at"], within=600)
    assert schedules("show", created) == ExitCode.OK, tintype.err
    lines = tintype.out.splitlines()
    assert lines[0] == f"{created}  every 6h, paused  first  article"
    assert lines[1].endswith("  first")
    assert schedules("show", created, "--runs", "1", "--json") == ExitCode.OK
    report, run = map(json.loads, tintype.out.splitlines())
    assert (report["id"], run["status"], len(run["pages"])) == (created, "completed", 1)


def test_lists_pauses_and_resumes(schedules: Any, tintype: Terminal, created: str) -> None:
    assert schedules("resume", created) == ExitCode.OK, tintype.err
    assert f"{created}  every 6h, next 2" in tintype.out
    assert schedules("pause", created, "--json") == ExitCode.OK
    assert json.loads(tintype.out)["paused"] is True
    assert schedules("list") == ExitCode.OK
    assert f"{created}  every 6h, paused  no run yet  article" in tintype.out.splitlines()
    assert schedules("list", "--json") == ExitCode.OK
    assert created in [json.loads(line)["id"] for line in tintype.out.splitlines()]


def test_deletes_a_schedule(schedules: Any, tintype: Terminal, node: Node, created: str) -> None:
    assert schedules("delete", created) == ExitCode.OK, tintype.err
    assert node.get(f"/schedules/{created}").status_code == 404
    assert schedules("show", created) != ExitCode.OK
    assert "no schedule with this id" in tintype.err
