"""Tests of the store of filter lists: copies, index and compiled file."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.support.filter_list import LIST
from tintype.filters.engine import FilterEngine
from tintype.filters.store import FilterListStore, read_source
from tintype.network import outbound
from tintype.network.egress import Policy
from tintype.network.outbound import FetchError

PAGE = "https://www.example.com/"
DEBIAN = Path("/usr/share/chromium/extensions/ublock-origin/assets/thirdparties/easylist/easylist.txt")


@pytest.mark.skipif(not DEBIAN.is_file(), reason="apt install webext-ublock-origin-chromium")
def test_compiles_the_easylist_of_debian(tmp_path: Path) -> None:
    store = FilterListStore(tmp_path)
    (entry,) = store.update([str(DEBIAN)], lambda source: read_source(source, Policy()))
    assert (entry.title, entry.rules > 10_000, "easylist.to" in entry.licence) == ("EasyList", True, True)
    assert FilterEngine.load(store.engine_path).blocks("https://ad.doubleclick.net/x.js", PAGE, "Script")


class TestFilterListStore:
    def test_keeps_a_copy_and_the_header_of_every_list(self, tmp_path: Path) -> None:
        store = FilterListStore(tmp_path)
        assert store.lists() == ()
        (entry,) = store.update(["https://lists.example/a.txt"], lambda _: LIST)
        assert (entry.title, entry.licence, entry.version, entry.rules, entry.failure) == (
            "Our list",
            "CC0",
            "7",
            8,
            "",
        )
        assert store.lists() == (entry,)
        assert (tmp_path / entry.file).read_text() == LIST
        assert FilterEngine.load(store.engine_path).blocks("https://ads.example.net/", PAGE, "Script")

    def test_uses_the_last_copy_when_a_download_fails(self, tmp_path: Path) -> None:
        store, texts = FilterListStore(tmp_path), {"a": LIST, "b": "||other.example^\n"}

        def read(source: str) -> str:
            if source not in texts:
                raise FetchError("no answer")
            return texts[source]

        store.update(["a", "b"], read)
        del texts["a"]
        kept, fresh = store.update(["a", "b"], read)
        assert (kept.failure, kept.rules, fresh.failure) == ("no answer", 8, "")
        assert FilterEngine.load(store.engine_path).blocks("https://ads.example.net/", PAGE, "Script")

    def test_removes_lists_that_the_settings_no_longer_name(self, tmp_path: Path) -> None:
        store = FilterListStore(tmp_path)
        store.update(["a", "b"], lambda source: f"||{source}.example^\n")
        store.update(["b"], lambda source: f"||{source}.example^\n")
        assert len(list(tmp_path.glob("*.txt"))) == 1
        assert not FilterEngine.load(store.engine_path).blocks("https://a.example/", PAGE, "Script")

    @pytest.mark.parametrize("text", ["", "! only comments\n", "<!DOCTYPE html><p>404", "\n<html>"])
    def test_keeps_the_last_copy_when_a_download_holds_no_rules(self, text: str, tmp_path: Path) -> None:
        store = FilterListStore(tmp_path)
        before = store.update(["a"], lambda _: LIST)
        (after,) = store.update(["a"], lambda _: text)
        assert after.failure
        assert after.rules == before[0].rules
        with pytest.raises(FetchError):
            FilterListStore(tmp_path / "empty").update(["a"], lambda _: text)

    def test_warns_about_a_broken_index_and_lists_nothing(self, tmp_path: Path) -> None:
        store = FilterListStore(tmp_path)
        store.update(["a"], lambda _: LIST)
        (tmp_path / "lists.json").write_text("[{]")
        with capture_logs() as logs:
            assert store.lists() == ()
        assert [(line["event"], line["log_level"], line["remedy"]) for line in logs] == [
            ("filter_index_invalid", "warning", "tintype update-filters")
        ]

    def test_lists_nothing_without_a_warning_before_the_first_update(self, tmp_path: Path) -> None:
        with capture_logs() as logs:
            assert FilterListStore(tmp_path).lists() == ()
        assert logs == []


class TestReadSource:
    def test_reads_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "list.txt").write_text(LIST)
        assert read_source(str(tmp_path / "list.txt"), Policy()) == LIST

    def test_reports_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(FetchError, match="No such file"):
            read_source(str(tmp_path / "none.txt"), Policy())

    def test_rejects_a_file_over_the_limit(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(outbound, "MAX_BYTES", 100)
        (tmp_path / "long.txt").write_text(LIST)
        with pytest.raises(FetchError, match="longer"):
            read_source(str(tmp_path / "long.txt"), Policy())

    def test_downloads_a_url_and_replaces_invalid_utf_8(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(outbound, "fetch", lambda url, _: url.encode() + b"\xff")
        assert read_source("https://lists.example/a.txt", Policy()) == "https://lists.example/a.txt\ufffd"
