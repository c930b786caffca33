"""The playground: snippets in tabs, which work on the service that shows them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from click.testing import CliRunner
from playwright.sync_api import expect

from harness.node import Node
from harness.site_server import SiteServer
from tests.playground.conftest import OpenPage, Start
from tests.playground.page_driver import PageDriver
from tintype import cli

pytestmark = pytest.mark.browser

KEY, SIGNING = "a-key-of-the-shop-1", "a key that signs addresses"
PROGRAMS = {
    "curl": ["sh", "-c"],
    "python": [sys.executable, "-c"],
    "javascript": ["node", "--input-type=module", "-e"],
}
"""The command that runs the snippet of a tab."""
OpenService = Callable[[str], PageDriver]
Run = Callable[[PageDriver, str], bytes]


@pytest.fixture(scope="module")
def keyed(share: Start) -> Node:
    return share(TINTYPE_API_KEYS=f"shop:{KEY}", TINTYPE_SIGNING_KEYS=SIGNING)


@pytest.fixture(scope="module")
def only_keys(share: Start) -> Node:
    return share(TINTYPE_API_KEYS=f"shop:{KEY}")


@pytest.fixture(scope="module")
def signed(share: Start) -> Node:
    return share(TINTYPE_SIGNING_KEYS=SIGNING)


@pytest.fixture(scope="module")
def environment(site: SiteServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables that the snippets name, and the command ``tintype`` on the path."""
    folder = tmp_path_factory.mktemp("bin")
    command = folder / "tintype"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m tintype "$@"\n')
    command.chmod(0o755)
    keys = {"API_KEY": KEY, "SIGNING_KEY": SIGNING, "TINTYPE_SIGNING_KEYS": SIGNING}
    reach = {"TINTYPE_ALLOW_ADDRESSES": f"127.0.0.1:{site.port}", "no_proxy": "127.0.0.1"}
    return {**os.environ, **keys, **reach, "PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.fixture
def open_service(request: pytest.FixtureRequest, open_page: OpenPage) -> OpenService:
    """Open the page of a service by the name of its fixture."""
    return lambda name: open_page(request.getfixturevalue(name))


@pytest.fixture
def run(tmp_path: Path, environment: dict[str, str]) -> Run:
    """Run the snippet of a tab, and return the contents of the file that it writes."""

    def run_snippet(tab: PageDriver, name: str) -> bytes:
        command = PROGRAMS[name]
        if not shutil.which(command[0]):
            pytest.skip(f"there is no {command[0]}")
        folder = tmp_path / "written"
        folder.mkdir()
        subprocess.run([*command, tab.code(name)], cwd=folder, env=environment, check=True)
        (written,) = folder.glob("*.png")
        return written.read_bytes()

    return run_snippet


def fill_in(tab: PageDriver, site: SiteServer, name: str) -> None:
    """Options with characters that shells, HTML, Python and JavaScript give a meaning."""
    tab.set_options(thumb_width="200", css='body::before { content: "it\'s <&> $HOME \\\\ ü" }')
    tab.page.fill("#url", site.url(f"/plain.html?{name}&b='2'"))


class TestPrograms:
    @pytest.mark.parametrize("name", PROGRAMS)
    @pytest.mark.parametrize("service", ["node", "keyed", "only_keys", "signed"])
    def test_write_the_thumbnail(
        self, open_service: OpenService, run: Run, site: SiteServer, service: str, name: str
    ) -> None:
        tab = open_service(service)
        fill_in(tab, site, service)
        assert run(tab, name).startswith(b"\x89PNG")

    @pytest.mark.parametrize("name", PROGRAMS)
    @pytest.mark.parametrize("service", ["node", "keyed"])
    def test_send_a_post(self, open_service: OpenService, run: Run, service: str, name: str) -> None:
        tab = open_service(service)
        tab.set_options(html='<h1>it\'s posted & "quoted"</h1>')
        assert run(tab, name).startswith(b"\x89PNG")

    def test_exclude_a_post_to_a_service_that_needs_signatures(self, open_page: OpenPage, signed: Node) -> None:
        tab = open_page(signed)
        tab.set_options(html="<h1>Posted</h1>")
        assert tab.code("curl") == ""
        assert "cannot be signed" in tab.code("curl-note")


class TestMarkup:
    def source(self, text: str) -> str:
        """The URL of the thumbnail in HTML or Markdown."""
        found = re.findall(r'src="([^"]+)"|\((\S+)\)$', text)
        (pair,) = found
        return unescape(pair[0]) or pair[1]

    @pytest.mark.parametrize("name", ["img", "markdown"])
    def test_shows_the_thumbnail(self, open_page: OpenPage, node: Node, site: SiteServer, name: str) -> None:
        tab = open_page(node)
        fill_in(tab, site, "markup")
        tab.capture()
        answer = httpx.get(self.source(tab.code(name)), trust_env=False)
        assert answer.headers["X-Cache"] == "HIT"

    @pytest.mark.parametrize("service", ["keyed", "signed"])
    @pytest.mark.parametrize("name", ["img", "markdown"])
    def test_comes_from_a_command_that_signs(
        self, open_service: OpenService, environment: dict[str, str], site: SiteServer, service: str, name: str
    ) -> None:
        tab = open_service(service)
        fill_in(tab, site, f"signed-{name}")
        printed = subprocess.run(
            ["sh", "-c", tab.code(name)], env=environment, check=True, capture_output=True, text=True
        )
        answer = httpx.get(self.source(printed.stdout.strip()), trust_env=False, timeout=60)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")

    def test_excludes_documents_and_posts(self, open_page: OpenPage, node: Node) -> None:
        tab = open_page(node)
        tab.set_options(format="pdf")
        assert (tab.text("img"), tab.text("img-note")) == ("", "An <img> cannot show pdf.")
        assert "example.com.pdf" in tab.code("curl")
        assert tab.code("markdown").startswith("[example.com](")
        tab.set_options(format="png", html="<p>.")
        assert tab.text("img-note") == "An <img> cannot send a POST request."

    def test_needs_more_than_an_api_key(self, open_page: OpenPage, only_keys: Node) -> None:
        tab = open_page(only_keys)
        assert tab.text("img") == ""
        assert "cannot send an API key" in tab.text("img-note")


class TestSigning:
    @pytest.mark.parametrize("service", ["node", "only_keys"])
    def test_has_no_trace_where_it_is_disabled(self, open_service: OpenService, service: str) -> None:
        tab = open_service(service)
        assert tab.find("signed-tab").count() == 0
        shown = tab.page.locator("#snippets").text_content() or ""
        assert "sign" not in shown.lower()

    def test_command_contains_the_options(self, open_page: OpenPage, keyed: Node) -> None:
        tab = open_page(keyed)
        tab.set_options(thumb_width="200", dark_mode=True, block_ads=False)
        tab.page.fill("#url", "example.com")
        _, *arguments = shlex.split(tab.code("signed").replace("\\\n", " "))
        signed = CliRunner().invoke(cli.tintype, arguments, env={"TINTYPE_SIGNING_KEYS": SIGNING})
        options = dict(parse_qsl(urlsplit(signed.output.strip()).query))
        assert {"thumb_width": "200", "dark_mode": "true", "block_ads": "false"}.items() <= options.items()


class TestTabs:
    def test_show_one_snippet_at_a_time(self, open_page: OpenPage, node: Node) -> None:
        tab = open_page(node)
        tab.page.get_by_role("tab", name="Python").click()
        expect(tab.find("python-panel")).to_be_visible()
        expect(tab.find("img-panel")).to_be_hidden()

    def test_move_by_arrow_keys(self, open_page: OpenPage, node: Node) -> None:
        tab = open_page(node)
        tab.find("img-tab").focus()
        for key, name in (
            ("ArrowRight", "curl"),
            ("End", "markdown"),
            ("ArrowRight", "img"),
            ("ArrowLeft", "markdown"),
        ):
            tab.page.keyboard.press(key)
            assert tab.page.evaluate("document.activeElement.id") == f"{name}-tab"
            expect(tab.find(f"{name}-panel")).to_be_visible()
        assert tab.page.locator("#tabs [tabindex='-1']").count() == 4

    def test_copy_to_the_clipboard(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node, permissions=["clipboard-read", "clipboard-write"])
        tab.page.fill("#url", site.url("/plain.html"))
        for name in ("img", "curl", "python", "javascript", "markdown"):
            tab.page.click(f"#{name}-tab")
            tab.page.click(f"[data-copies={name}]")
            expect(tab.page.locator(f"[data-copies={name}] span").first).to_have_text("Copied")
            assert tab.page.evaluate("navigator.clipboard.readText()") == tab.code(name)
