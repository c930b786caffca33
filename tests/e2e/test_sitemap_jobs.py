"""A job of a sitemap on a real node that is killed while it reads the sitemap, and while it captures pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.node import Node
from tests.support.concurrency import eventually
from tests.support.sitemap_server import SitemapServer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
PAGES = 4


@pytest.fixture
def server() -> Iterator[SitemapServer]:
    with SitemapServer() as server:
        for number in range(PAGES):
            server.files[f"/{number}"] = f"<!doctype html><title>{number}</title><h1>Page {number}</h1>".encode()
        yield server


def test_node_that_is_killed_loses_no_page(server: SitemapServer, tmp_path: Path) -> None:
    env = {"TINTYPE_ALLOW_ADDRESSES": f"127.0.0.1:{server.port}", "TINTYPE_TIMEOUT": "60"}  # for a loaded machine
    with Node(data=tmp_path / "data", env=env) as node:
        server.files["/sitemap.xml"] = None  # never responds
        submitted = node.client.post("/jobs", json={"sitemap": server.origin, "options": {"width": 400}}).json()
        assert eventually(lambda: "/sitemap.xml" in server.requests, within=60), node.output()

        def report(wait: int = 2) -> dict[str, Any]:
            found: dict[str, Any] = node.get(f"/jobs/{submitted['id']}", wait=str(wait)).json()
            return found

        assert (report(0)["progress"]["total"], report(0)["sitemap"]["read"]) == (1, False)
        node.kill()
        server.files["/sitemap.xml"] = server.urlset([f"/{number}" for number in range(PAGES)])
        node.start()
        assert eventually(lambda: report()["sitemap"]["read"], within=90), node.output()
        assert eventually(lambda: report()["progress"]["captured"] > 0, within=90), node.output()
        node.kill()
        node.start()
        assert eventually(lambda: report()["ended_at"], within=180), node.output()
        pages = node.get(f"/jobs/{submitted['id']}/pages").json()["pages"]
        assert report()["status"] == "completed", pages
        assert [page["url"] for page in pages] == [server.url(f"/{number}") for number in range(PAGES)]
        assert len({page["stored_url"] for page in pages}) == PAGES
