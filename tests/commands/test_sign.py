"""``tintype sign``: base URL, lifetime and errors."""

from __future__ import annotations

import pytest

from tests.support.terminal import Terminal

pytestmark = pytest.mark.usefixtures("own_settings")

PAGE = "https://site.org/"


@pytest.fixture(autouse=True)
def signing_key(own_settings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINTYPE_SIGNING_KEYS", "0123456789abcdef")


class TestBase:
    def test_defaults_to_the_public_url(self, tintype: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TINTYPE_PUBLIC_URL", "https://thumbs.site.org/")
        assert tintype("sign", PAGE, "--meta") == 0
        assert tintype.out.startswith("https://thumbs.site.org/meta?url=")
        assert tintype.err == ""

    def test_prints_a_note_if_missing(self, tintype: Terminal) -> None:
        assert tintype("sign", PAGE) == 0
        assert tintype.out.startswith("/thumb?url=")
        assert "this is a path; --base URL or TINTYPE_PUBLIC_URL" in tintype.err

    @pytest.mark.parametrize("base", ["thumbs.site.org", "ftp://site.org", "https://"])
    def test_rejects_other_texts(self, tintype: Terminal, base: str) -> None:
        assert tintype("sign", PAGE, "--base", base) == 2
        assert "--base: must be an http:// or https:// URL" in tintype.err


class TestLifetime:
    @pytest.mark.parametrize("text", ["0s", "0", "500ms", "-1s", "soon", "100000d"])
    def test_ranges_from_a_second_to_ten_years(self, tintype: Terminal, text: str) -> None:
        assert tintype("sign", PAGE, f"--expires={text}") == 2
        assert "--expires: must be a duration such as 30s, 10m, 1d, from 1s to 3650d" in tintype.err
        assert tintype.out == ""

    def test_becomes_part_of_the_url(self, tintype: Terminal) -> None:
        assert tintype("sign", PAGE, "--expires", "1d") == 0
        assert "&expires=" in tintype.out


def test_requires_a_signing_key(tintype: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TINTYPE_SIGNING_KEYS")
    assert tintype("sign", PAGE) == 2
    assert "TINTYPE_SIGNING_KEYS is not set" in tintype.err
