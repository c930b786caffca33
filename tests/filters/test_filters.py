"""Filter lists: where they come from, what is kept of them, and what they say of requests and elements."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.terminal import Terminal
from tintype.filters.engine import FilterEngine, FilterFile, NotCompiled, compile_lists, is_hosts
from tintype.filters.store import FilterListStore
from tintype.network import outbound
from tintype.network.egress import AllowRule, Policy
from tintype.network.outbound import FetchError

LIST = """[Adblock Plus 2.0]
! Title: Our list
! Version: 7
! Licence: CC0
||ads.example.net^
/banner/*/ad.js$script,third-party
@@||example.org/banner/good/ad.js
##.sponsored-box
##div[data-kind="advert"]
news.example##.promo
quiet.example#@#.sponsored-box
calm.example#@#.promo
"""
PAGE = "https://www.example.com/"


@pytest.fixture
def filters(tmp_path: Path) -> FilterEngine:
    (tmp_path / "engine.dat").write_bytes(compile_lists([LIST]))
    return FilterEngine.load(tmp_path / "engine.dat")


class TestRequests:
    @pytest.mark.parametrize(
        ("url", "kind"),
        [
            ("https://ads.example.net/x.png", "Image"),
            ("https://cdn.ads.example.net/frame", "Document"),
            ("https://cdn.example/banner/a/ad.js", "Script"),
        ],
    )
    def test_that_lists_name_are_refused(self, url: str, kind: str, filters: FilterEngine) -> None:
        assert filters.blocks(url, PAGE, kind)

    @pytest.mark.parametrize(
        ("url", "kind"),
        [
            ("https://example.net/x.png", "Image"),
            ("https://cdn.example/banner/a/ad.js", "Image"),
            ("https://www.example.com/banner/a/ad.js", "Script"),
            ("https://example.org/banner/good/ad.js", "Script"),
            ("https://cdn.example/x", "SomethingNew"),
            ("not an address", "Script"),
        ],
    )
    def test_that_they_do_not_are_let_through(self, url: str, kind: str, filters: FilterEngine) -> None:
        assert not filters.blocks(url, PAGE, kind)


class TestElements:
    def test_are_hidden_by_address(self, filters: FilterEngine) -> None:
        assert ".promo" in filters.cosmetic_rules("https://news.example/today").selectors
        assert 'div[data-kind="advert"]' in filters.cosmetic_rules(PAGE).selectors
        assert ".promo" not in filters.cosmetic_rules(PAGE).selectors

    def test_are_hidden_by_names_that_are_there(self, filters: FilterEngine) -> None:
        hidden = filters.cosmetic_rules(PAGE)
        assert filters.hidden_by_class_or_id(["sponsored-box", "other"], [], hidden) == (".sponsored-box",)
        assert filters.hidden_by_class_or_id(["other"], ["top"], hidden) == ()

    def test_stay_where_a_list_makes_an_exception(self, filters: FilterEngine) -> None:
        assert (
            filters.hidden_by_class_or_id(["sponsored-box"], [], filters.cosmetic_rules("https://quiet.example/")) == ()
        )


class TestTheCompiledFile:
    def test_is_taken_anew_when_it_was_replaced(self, tmp_path: Path) -> None:
        file = FilterFile(tmp_path / "engine.dat")
        assert file.current() is None
        (tmp_path / "engine.dat").write_bytes(compile_lists([LIST]))
        first = file.current()
        assert first
        assert file.current() is first
        (tmp_path / "new").write_bytes(compile_lists(["||other.example^"]))
        (tmp_path / "new").replace(tmp_path / "engine.dat")
        second = file.current()
        assert second
        assert second.blocks("https://other.example/", PAGE, "Script")
        assert not second.blocks("https://ads.example.net/", PAGE, "Script")

    @pytest.mark.parametrize("body", [b"", b"junk", b"\0" * 5000])
    def test_that_is_none_is_as_good_as_missing(self, body: bytes, tmp_path: Path) -> None:
        path = tmp_path / "engine.dat"
        path.write_bytes(body)
        with pytest.raises(NotCompiled):
            FilterEngine.load(path)
        assert FilterFile(path).current() is None


DEBIAN = Path("/usr/share/chromium/extensions/ublock-origin/assets/thirdparties/easylist/easylist.txt")


@pytest.mark.skipif(not DEBIAN.is_file(), reason="apt install webext-ublock-origin-chromium")
def test_easylist_as_debian_has_it_compiles(tmp_path: Path) -> None:
    library = FilterListStore(tmp_path)
    (entry,) = library.update([str(DEBIAN)], lambda source: outbound.fetch(source, Policy()))
    assert (entry.title, entry.rules > 10_000, "easylist.to" in entry.licence) == ("EasyList", True, True)
    assert FilterEngine.load(library.engine_path).blocks("https://ad.doubleclick.net/x.js", PAGE, "Script")


def test_lists_of_hosts_are_recognised() -> None:
    hosts = "# hosts\n0.0.0.0 ads.example.net\n0.0.0.0 count.example.net\n"
    assert is_hosts(hosts)
    assert not is_hosts(LIST)
    assert not is_hosts("")


def test_lists_of_hosts_hold_too(tmp_path: Path) -> None:
    (tmp_path / "e").write_bytes(compile_lists(["0.0.0.0 count.example.net\n"]))
    assert FilterEngine.load(tmp_path / "e").blocks("https://count.example.net/x", PAGE, "Script")


class TestALibrary:
    def test_keeps_every_list_with_its_header_beside_what_was_compiled(self, tmp_path: Path) -> None:
        library = FilterListStore(tmp_path)
        assert library.lists() == ()
        (entry,) = library.update(["https://lists.example/a.txt"], lambda _: LIST)
        assert (entry.title, entry.licence, entry.version, entry.rules, entry.failure) == (
            "Our list",
            "CC0",
            "7",
            8,
            "",
        )
        assert library.lists() == (entry,)
        assert (tmp_path / entry.file).read_text() == LIST
        assert FilterEngine.load(library.engine_path).blocks("https://ads.example.net/", PAGE, "Script")

    def test_goes_on_with_the_last_copy_of_a_list_that_is_gone(self, tmp_path: Path) -> None:
        library, texts = FilterListStore(tmp_path), {"a": LIST, "b": "||other.example^\n"}

        def read(source: str) -> str:
            if source not in texts:
                raise FetchError("no answer")
            return texts[source]

        library.update(["a", "b"], read)
        del texts["a"]
        kept, fresh = library.update(["a", "b"], read)
        assert (kept.failure, kept.rules, fresh.failure) == ("no answer", 8, "")
        assert FilterEngine.load(library.engine_path).blocks("https://ads.example.net/", PAGE, "Script")

    def test_forgets_lists_that_are_no_longer_wanted(self, tmp_path: Path) -> None:
        library = FilterListStore(tmp_path)
        library.update(["a", "b"], lambda source: f"||{source}.example^\n")
        library.update(["b"], lambda source: f"||{source}.example^\n")
        assert len(list(tmp_path.glob("*.txt"))) == 1
        assert not FilterEngine.load(library.engine_path).blocks("https://a.example/", PAGE, "Script")

    @pytest.mark.parametrize("text", ["", "! only comments\n", "<!DOCTYPE html><p>404", "\n<html>"])
    def test_leaves_what_it_has_when_nothing_usable_comes(self, text: str, tmp_path: Path) -> None:
        library = FilterListStore(tmp_path)
        before = library.update(["a"], lambda _: LIST)
        (after,) = library.update(["a"], lambda _: text)
        assert after.failure
        assert after.rules == before[0].rules
        with pytest.raises(FetchError):
            FilterListStore(tmp_path / "empty").update(["a"], lambda _: text)

    def test_of_a_torn_index_counts_as_empty(self, tmp_path: Path) -> None:
        library = FilterListStore(tmp_path)
        library.update(["a"], lambda _: LIST)
        (tmp_path / "lists.json").write_text("[{]")
        assert library.lists() == ()


class _Lists(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, headers, body = self.server.answers.get(self.path, (404, {}, b""))  # type: ignore[attr-defined]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Lists) as server:
        server.answers = {  # type: ignore[attr-defined]
            "/list.txt": (200, {}, LIST.encode()),
            "/moved": (302, {"Location": "/list.txt"}, b""),
            "/circle": (302, {"Location": "/circle"}, b""),
            "/inside": (302, {"Location": "http://127.0.0.1:9/list.txt"}, b""),
            "/scheme": (302, {"Location": "file:///etc/passwd"}, b""),
        }
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


Get = Callable[[str], str]


@pytest.fixture
def get(server: ThreadingHTTPServer) -> Get:
    policy = Policy((AllowRule.parse(f"127.0.0.1:{server.server_port}"),))
    return lambda path: outbound.fetch(f"http://127.0.0.1:{server.server_port}{path}", policy)


class TestFetching:
    def test_follows_a_list_that_moved(self, get: Get) -> None:
        assert get("/list.txt") == get("/moved") == LIST

    @pytest.mark.parametrize("path", ["/circle", "/inside", "/scheme", "/none"])
    def test_says_why_there_is_no_list(self, path: str, get: Get) -> None:
        with pytest.raises(FetchError) as failure:
            get(path)
        assert str(failure.value)

    def test_stays_out_of_the_house(self, server: ThreadingHTTPServer) -> None:
        with pytest.raises(FetchError):
            outbound.fetch(f"http://127.0.0.1:{server.server_port}/list.txt", Policy())

    def test_takes_no_more_than_a_list_can_be(self, get: Get, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(outbound, "MOST_BYTES", 100)
        (tmp_path / "long.txt").write_text(LIST)
        for reading in (lambda: get("/list.txt"), lambda: outbound.fetch(str(tmp_path / "long.txt"), Policy())):
            with pytest.raises(FetchError, match="longer"):
                reading()

    def test_reads_files(self, tmp_path: Path) -> None:
        (tmp_path / "list.txt").write_text(LIST)
        assert outbound.fetch(str(tmp_path / "list.txt"), Policy()) == LIST
        with pytest.raises(FetchError):
            outbound.fetch(str(tmp_path / "none.txt"), Policy())


class TestTheCommand:
    def test_compiles_what_the_settings_name(
        self, tintype: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "list.txt").write_text(LIST)
        monkeypatch.setenv("TINTYPE_FILTER_LISTS", str(tmp_path / "list.txt"))
        assert tintype("update-filters") == 0
        assert "Our list: 8 rules, CC0" in tintype.out
        assert (tmp_path / "data/filters/engine.dat").is_file()

    def test_tells_of_lists_that_did_not_come(
        self, tintype: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "list.txt").write_text(LIST)
        monkeypatch.setenv("TINTYPE_FILTER_LISTS", f"{tmp_path / 'list.txt'},{tmp_path / 'none.txt'}")
        assert tintype("update-filters") == 1
        assert "none.txt" in tintype.out
        assert (tmp_path / "data/filters/engine.dat").is_file()

    def test_wants_lists(self, tintype: Terminal) -> None:
        assert tintype("update-filters") == 2
        assert "TINTYPE_FILTER_LISTS" in tintype.err
