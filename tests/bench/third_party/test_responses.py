"""Third parties: sizes of their scripts, and a page that carries them in a browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bench.pages import Connection, ResponseCache
from bench.settled import browser
from bench.third_party import responses
from bench.third_party.hosts import ADDRESSES, FLAG, HOSTS
from tests.support.concurrency import async_test
from tintype.options import Navigation, PageChanges, Shot

PAGE = "<!doctype html><head><title>Plain</title></head><main><h1>Buy now</h1><a href='#'>Get it</a></main>"
UNBLOCKED = PageChanges(block_ads=False, block_trackers=False, block_chats=False, block_cookie_banners=False)


class Cache(ResponseCache):
    """Responses with the addresses in place of the names, which only a hosts file would resolve."""

    def respond(self, host: str, target: str) -> bytes:
        names = dict(zip(ADDRESSES.values(), ADDRESSES, strict=True))
        address, _, port = host.partition(":")
        head, end, body = super().respond(f"{names.get(address, address)}:{port}", target).partition(b"\r\n\r\n")
        for name, address in ADDRESSES.items():
            body = body.replace(name.encode(), address.encode())
        first, *fields = head.split(b"\r\n")
        length = b"Content-Length: %d" % len(body)
        fields = [length if field.startswith(b"Content-Length") else field for field in fields]
        return b"\r\n".join([first, *fields]) + end + body


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[int, Cache]]:
    """A page and all third parties on one port of their addresses."""
    page = folder / "startbootstrap-agency@7.0.12" / "dist" / "index.html"
    font = folder / responses.FONT_PACKAGE / responses.FONT
    for file in (page, font):
        file.parent.mkdir(parents=True)
    page.write_text(PAGE)
    font.write_bytes(b"")
    cache, loop = Cache(["agency"], folder), asyncio.get_running_loop()
    async with await loop.create_server(lambda: Connection(cache, 0), "127.0.0.11", 0) as first:
        port = first.sockets[0].getsockname()[1]
        async with await loop.create_server(lambda: Connection(cache, 0), list(ADDRESSES.values()), port):
            yield port, cache


@async_test
async def test_all_scripts_run_in_a_browser(tmp_path: Path) -> None:
    async with served(tmp_path) as (port, cache), browser(f"127.0.0.0/24:{port}") as running:
        url = f"http://127.0.0.11:{port}/index.html?n=1&{FLAG}=1"
        await running.capture(Shot(navigation=Navigation(url=url), page_changes=UNBLOCKED), None, 30, 16_000)
    assert set(cache.counts) == set(HOSTS.values())


@pytest.mark.parametrize("name", responses.SCRIPTS)
def test_a_script_has_its_size(name: str) -> None:
    assert responses.SCRIPTS[name] <= len(responses.script(name)) / 1024 <= responses.SCRIPTS[name] + 4


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/vendors.json", "application/json"),
        ("/bid.json", "application/json"),
        ("/consent.css", "text/css"),
        ("/rectangle.jpg", "image/jpeg"),
        ("/conversation.html", "text/html"),
        ("/collect", "image/gif"),
    ],
)
def test_a_path_has_its_media_type(path: str, kind: str, tmp_path: Path) -> None:
    assert responses.respond(path, "", tmp_path)[0] == kind


def test_a_creative_has_the_size_of_its_slot(tmp_path: Path) -> None:
    assert b"anchor.jpg" in responses.respond("/creative.html", "slot=anchor&bidder=beta", tmp_path)[1]
