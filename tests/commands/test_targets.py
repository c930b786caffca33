"""Targets on the command line: a missing scheme, a file instead of a URL, and the setting that permits an address."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fakes import FakeEngine
from tests.support.terminal import Terminal

pytestmark = pytest.mark.usefixtures("own_settings", "engine")


class TestMissingScheme:
    def test_receives_https_with_a_note(
        self, tintype: Terminal, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tintype.network.resolver.TargetResolver.check", lambda *_: None)
        assert tintype("shot", "site.org/a?b=1", "-o", "a.png") == 0
        assert engine.shots[0].url == "https://site.org/a?b=1"
        assert "Note: site.org/a?b=1 has no scheme; using https://site.org/a?b=1" in tintype.err

    @pytest.mark.parametrize("text", ["127.0.0.1:9/a", "localhost:9/a", "[::1]:9/a"])
    def test_receives_http_for_a_local_host(
        self, tintype: Terminal, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, text: str
    ) -> None:
        monkeypatch.setenv("TINTYPE_ALLOW_ADDRESSES", "127.0.0.1:9,[::1]:9")
        monkeypatch.setattr("tintype.network.resolver.TargetResolver.check", lambda *_: None)
        assert tintype("shot", text, "-o", "a.png") == 0
        assert engine.shots[0].url == f"http://{text}"
        assert f"using http://{text}" in tintype.err

    def test_receives_https_before_signing(self, tintype: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TINTYPE_SIGNING_KEYS", "0123456789abcdef")
        assert tintype("sign", "site.org", "--base", "https://thumbs.site.org") == 0
        assert tintype.out.startswith("https://thumbs.site.org/thumb?url=https%3A%2F%2Fsite.org&sig=")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (
                "nonsense",
                "URL is not a web address; it must start with http:// or https://, such as https://example.com",
            ),
            ("wiki", "URL is not a web address"),
            ("wiki:3000", "URL must start with http:// or https://"),
            ("ftp://site.org", "URL must start with http:// or https://"),
            ("javascript:alert(1)", "URL must start with http:// or https://"),
        ],
    )
    def test_fails_without_a_public_name(self, tintype: Terminal, text: str, message: str) -> None:
        assert tintype("shot", text) == 2
        assert message in tintype.err

    def test_reports_that_a_file_was_named(self, tintype: Terminal) -> None:
        Path("page.html").write_text("<h1>Hello</h1>")
        assert tintype("shot", "page.html") == 2
        assert "page.html is a file, not a URL; pass --html page.html" in tintype.err


class TestDeniedTarget:
    @pytest.mark.parametrize(
        ("url", "remedy"),
        [
            ("http://192.168.1.1/", "set TINTYPE_ALLOW_ADDRESSES=192.168.1.1:80"),
            ("https://[fd00::1]:8443/x", "set TINTYPE_ALLOW_ADDRESSES=[fd00::1]:8443"),
            ("http://printer.local/", "add its address with the port 80 to TINTYPE_ALLOW_ADDRESSES"),
        ],
    )
    def test_names_the_setting_that_permits_it(self, tintype: Terminal, url: str, remedy: str) -> None:
        assert tintype("shot", url) == 3
        assert "The target is not a public web address: only public addresses are captured" in tintype.err
        assert remedy in tintype.err

    def test_names_the_settings_of_hosts(self, tintype: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TINTYPE_DENY_HOSTS", "site.org")
        assert tintype("shot", "https://site.org/") == 3
        assert "TINTYPE_ALLOW_HOSTS and TINTYPE_DENY_HOSTS" in tintype.err
