"""``tintype jobs`` with a real service and real captures."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.node import Node
from tests.support.concurrency import eventually
from tests.support.sitemap_server import SitemapServer
from tests.support.terminal import Terminal
from tintype.commands import ExitCode

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
KEY = "k" * 32


@pytest.fixture(scope="module")
def pages() -> Iterator[SitemapServer]:
    """Two pages, a sitemap of them, and a page that never responds."""
    with SitemapServer() as server:
        server.files |= {f"/{name}": f"<!doctype html><title>{name}</title><h1>{name}".encode() for name in "ab"}
        server.files |= {"/plain": b"<!doctype html><p>No heading", "/never": None}
        server.files["/sitemap.xml"] = server.urlset(["/a", "/b"])
        yield server


@pytest.fixture(scope="module")
def node(pages: SitemapServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    env = {
        "TINTYPE_ALLOW_ADDRESSES": f"127.0.0.1:{pages.port}",
        "TINTYPE_API_KEYS": f"shop:{KEY}",
        "TINTYPE_TIMEOUT": "60",
    }
    with Node(data=tmp_path_factory.mktemp("jobs") / "data", env=env) as node:
        yield node


@pytest.fixture
def jobs(tintype: Terminal, node: Node, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A call of ``tintype jobs`` for the service."""
    monkeypatch.setenv("TINTYPE_SERVER", f"http://127.0.0.1:{node.port}")
    monkeypatch.setenv("TINTYPE_SERVER_KEY", KEY)
    return lambda *arguments: tintype("jobs", *arguments)


def test_submits_and_waits(jobs: Any, tintype: Terminal, pages: SitemapServer) -> None:
    code = jobs("submit", pages.url("/a"), pages.url("/b"), "--width", "400", "--name", "two", "--wait", "--json")
    assert code == ExitCode.OK, tintype.err
    report = json.loads(tintype.out)
    assert (report["status"], report["progress"]["captured"], report["name"]) == ("completed", 2, "two")
    assert f"{report['id']} completed: 2 of 2 captured" in tintype.err
    assert jobs("show", report["id"], "--pages") == ExitCode.OK
    assert tintype.out.splitlines()[0] == f"{report['id']} completed: 2 of 2 captured"
    assert f"captured   {pages.url('/a')}  http://127.0.0.1:" in tintype.out
    assert jobs("list", "--name", "two", "--status", "completed", "--json") == ExitCode.OK
    assert [json.loads(line)["id"] for line in tintype.out.splitlines()] == [report["id"]]


def test_submits_a_list_from_a_file(jobs: Any, tintype: Terminal, pages: SitemapServer, tmp_path: Path) -> None:
    (tmp_path / "urls.txt").write_text(f"# the list\n\n127.0.0.1:{pages.port}/a\n")
    assert jobs("submit", "--file", str(tmp_path / "urls.txt"), "--no-store") == ExitCode.OK, tintype.err
    job = tintype.out.strip()
    assert jobs("wait", job, "--json") == ExitCode.OK
    assert json.loads(tintype.out)["store"] is False
    assert jobs("archive", job) == ExitCode.FAILURE
    assert "store=true" in tintype.err


def test_submits_a_sitemap_and_downloads_its_archive(
    jobs: Any, tintype: Terminal, pages: SitemapServer, tmp_path: Path
) -> None:
    arguments = ("--sitemap", pages.origin, "--exclude", "/b", "--wait", "--json")
    assert jobs("submit", *arguments) == ExitCode.OK, tintype.err
    report = json.loads(tintype.out)
    assert (report["progress"]["captured"], report["sitemap"]["excluded"]) == (1, 1)
    assert jobs("show", report["id"]) == ExitCode.OK
    assert "(2 found, 1 excluded)" in tintype.out
    assert jobs("archive", report["id"], "-o", "job.zip") == ExitCode.OK
    with zipfile.ZipFile(io.BytesIO((tmp_path / "job.zip").read_bytes())) as archive:
        assert len([name for name in archive.namelist() if name.endswith(".png")]) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["job.zip"]


def test_failed_pages_end_with_1_and_are_retried(jobs: Any, tintype: Terminal, pages: SitemapServer) -> None:
    assert jobs("submit", pages.url("/a"), pages.url("/plain"), "--selector", "h1", "--wait") == ExitCode.FAILURE
    job = tintype.out.split()[0]
    assert "partial: 1 of 2 captured, 1 failed" in tintype.out
    assert jobs("show", job, "--failed", "--json") == ExitCode.OK
    assert json.loads(tintype.out.splitlines()[1])["error"] == "selector-not-found"
    assert jobs("retry", job, "--wait") == ExitCode.FAILURE
    assert f"{job}: 1 page queued again." in tintype.err


def test_cancels_and_forgets(jobs: Any, tintype: Terminal, pages: SitemapServer) -> None:
    assert jobs("submit", *[pages.url(f"/never?{number}") for number in range(9)], "--json") == ExitCode.OK
    job = json.loads(tintype.out)["id"]
    assert jobs("cancel", job) == ExitCode.OK
    assert "cancelled." in tintype.err
    assert jobs("wait", job) == ExitCode.FAILURE
    assert jobs("cancel", job) == ExitCode.FAILURE
    assert "--forget" in tintype.err
    assert eventually(lambda: jobs("cancel", "--forget", job) == ExitCode.OK, within=90)
    assert jobs("show", job) == ExitCode.FAILURE
    assert "there is no job with this id" in tintype.err


def test_same_idempotency_key_submits_once(jobs: Any, tintype: Terminal, pages: SitemapServer) -> None:
    found = set()
    for _ in range(2):
        assert jobs("submit", pages.url("/a"), "--idempotency-key", "order-1") == ExitCode.OK
        found.add(tintype.out.strip())
    assert len(found) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("submit",), "Pass URLs, --file or --sitemap."),
        (("submit", "https://example.com", "--sitemap", "https://example.com"), "not both"),
        (("submit", "https://example.com", "--width", "5"), "--width: must be a whole number"),
        (("submit", "https://example.com", "ftp://example.com"), "ftp://example.com: "),
        (("show", "job_1", "--server", "nonsense"), "--server must be an http:// or https:// URL"),
    ],
)
def test_names_what_is_wrong(arguments: tuple[str, ...], message: str, jobs: Any, tintype: Terminal) -> None:
    assert jobs(*arguments) == ExitCode.USAGE_ERROR
    assert message in tintype.err


def test_reports_a_wrong_key_and_a_service_that_does_not_run(jobs: Any, tintype: Terminal) -> None:
    assert jobs("list", "--api-key", "wrong") == ExitCode.FAILURE
    assert "unknown API key" in tintype.err
    assert jobs("list", "--server", "http://127.0.0.1:9") == ExitCode.SERVICE_ERROR
    assert "cannot connect to http://127.0.0.1:9" in tintype.err
