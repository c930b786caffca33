"""Lists of ``tintype batch``: options for each entry, sitemaps, contact sheet and report."""

from __future__ import annotations

import csv
import gzip
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fakes import FakeEngine
from tests.support.terminal import Terminal
from tintype import imaging
from tintype.batch import url_list

pytestmark = pytest.mark.usefixtures("own_settings")

HOST = "http://127.0.0.1:9"


def write_yaml(text: str) -> str:
    Path("shots.yaml").write_text(text)
    return "shots.yaml"


def written() -> list[str]:
    return sorted(path.name for path in Path("out").iterdir() if path.name != "batch.jsonl")


class TestEntryOptions:
    def test_replace_those_of_the_command_line(self, tintype: Terminal, engine: FakeEngine) -> None:
        shots = write_yaml(f"- url: {HOST}/a\n  width: 800\n  height: 600\n- {HOST}/b\n")
        assert tintype("batch", shots, "-o", "out", "--width", "1000", "--dark-mode", "--parallel", "1") == 0
        assert [(shot.emulation.width, shot.emulation.dark_mode) for shot in engine.shots] == [
            (800, True),
            (1000, True),
        ]

    def test_name_the_file_and_so_its_format(self, tintype: Terminal, engine: FakeEngine) -> None:
        shots = write_yaml(
            f"- url: {HOST}/a\n  output: first.jpg\n- url: {HOST}/a\n  output: second.webp\n- {HOST}/a\n"
        )
        assert tintype("batch", shots, "-o", "out") == 0
        assert written() == ["127.0.0.1-9-a.png", "first.jpg", "second.webp"]
        assert (Path("out") / "first.jpg").read_bytes().startswith(b"\xff\xd8")
        assert tintype("batch", shots, "-o", "out") == 0
        assert engine.capture_count == 1
        assert tintype.err.splitlines()[-1] == "out: 0 captured, 3 skipped."

    def test_take_a_name_from_a_page_of_an_earlier_run(self, tintype: Terminal, engine: FakeEngine) -> None:
        assert tintype("batch", write_yaml(f"- {HOST}/a"), "-o", "out") == 0
        shots = write_yaml(f"- url: {HOST}/b\n  output: 127.0.0.1-9-a.png\n- {HOST}/a\n")
        assert tintype("batch", shots, "-o", "out", "--force") == 0
        assert len(written()) == 2
        assert tintype("batch", shots, "-o", "out") == 0
        assert tintype.err.splitlines()[-1] == "out: 0 captured, 2 skipped."

    def test_fail_alone_if_invalid(self, tintype: Terminal, engine: FakeEngine) -> None:
        shots = write_yaml(
            f"- {{url: '{HOST}/a', widht: 3}}\n- {{url: '{HOST}/b', output: b.gif}}\n"
            f"- {{url: '{HOST}/c', output: c.png, format: webp}}\n- {{url: '{HOST}/d', on_error: image}}\n"
            f"- {{url: '{HOST}/e', output: e.png}}\n- {{url: '{HOST}/f', output: E.png}}\n"
        )
        assert tintype("batch", shots, "-o", "out") == 1
        assert written() == ["e.png"]
        for message in (
            "line 1: http://127.0.0.1:9/a: invalid-request: widht: is not an option; did you mean width?",
            "line 2: http://127.0.0.1:9/b: invalid-request: output: must end in .png",
            "line 3: http://127.0.0.1:9/c: invalid-request: output: c.png has the ending of png, but format=webp",
            "line 4: http://127.0.0.1:9/d: invalid-request: on_error: is not an option of a batch",
            "line 6: http://127.0.0.1:9/f: invalid-request: output: E.png is already the file of line 5",
        ):
            assert message in tintype.err
        assert engine.capture_count == 1

    def test_include_credentials(self, tintype: Terminal, engine: FakeEngine) -> None:
        shots = write_yaml(f"- url: {HOST}/a\n  headers: {{X-Key: s3cret}}\n")
        assert tintype("batch", shots, "-o", "out") == 0
        assert engine.shots[0].credentials.headers == (("x-key", "s3cret"),)
        assert "s3cret" not in Path("out/batch.jsonl").read_text()

    def test_work_in_any_list_with_the_flag(self, tintype: Terminal, engine: FakeEngine) -> None:
        Path("list.txt").write_text(f"- url: {HOST}/a\n  width: 800\n")
        assert tintype("batch", "list.txt", "--yaml", "-o", "out") == 0
        assert engine.shots[0].emulation.width == 800

    @pytest.mark.usefixtures("engine")
    def test_fail_in_a_list_of_another_shape(self, tintype: Terminal) -> None:
        assert tintype("batch", write_yaml("url: x"), "-o", "out") == 2
        assert "shots.yaml: not a list" in tintype.err


@pytest.mark.usefixtures("engine")
class TestLimits:
    def test_number_of_urls(self, tintype: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(url_list, "MAX_URLS", 3)
        Path("urls.txt").write_text(f"{HOST}/a\n" * 4)
        assert tintype("batch", "urls.txt", "-o", "out") == 2
        assert "more than 3 URLs; split the list" in tintype.err

    def test_missing_scheme_is_completed_with_a_note(
        self, tintype: Terminal, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tintype.network.resolver.TargetResolver.check", lambda *_: None)
        Path("urls.txt").write_text("site.org/a\nhttps://site.org/a\n")
        assert tintype("batch", "urls.txt", "-o", "out") == 0
        assert "Note: 1 URL without a scheme: https:// was added" in tintype.err
        assert engine.capture_count == 1


class Files(http.server.BaseHTTPRequestHandler):
    """Serves ``files``."""

    files: dict[str, bytes]

    def do_GET(self) -> None:
        body = self.files.get(self.path)
        self.send_response(200 if body is not None else 404)
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: object) -> None:
        pass


class TestSitemap:
    @pytest.fixture
    def site(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
            url = f"http://127.0.0.1:{server.server_port}"
            monkeypatch.setenv("TINTYPE_ALLOW_ADDRESSES", f"127.0.0.1:9,127.0.0.1:{server.server_port}")
            urls = f"<urlset><url><loc>{HOST}/a</loc></url><url><loc>{HOST}/b</loc></url></urlset>".encode()
            child = f"<sitemap><loc>{url}/pages.xml.gz</loc></sitemap><sitemap><loc>{url}/gone.xml</loc></sitemap>"
            Files.files = {
                "/pages.xml.gz": gzip.compress(urls),
                "/sitemap.xml": f"<sitemapindex>{child}</sitemapindex>".encode(),
            }
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield url
            server.shutdown()

    def test_captures_the_pages_of_a_site(self, tintype: Terminal, engine: FakeEngine, site: str) -> None:
        assert tintype("batch", "--sitemap", site, "-o", "out") == 1
        assert sorted(shot.url for shot in engine.shots) == [f"{HOST}/a", f"{HOST}/b"]
        assert f"sitemap {site}/gone.xml: 127.0.0.1 returned status 404" in tintype.err

    def test_adds_to_a_list(self, tintype: Terminal, engine: FakeEngine, site: str) -> None:
        Path("urls.txt").write_text(f"\n\n{HOST}/0\n")
        arguments = ("--sitemap", f"{site}/pages.xml.gz", "-o", "out", "--report", "report.csv")
        assert tintype("batch", "urls.txt", *arguments) == 0
        with Path("report.csv").open() as file:
            assert [row["url"] for row in csv.DictReader(file)] == [f"{HOST}/0", f"{HOST}/a", f"{HOST}/b"]

    def test_obeys_the_egress_policy(
        self, tintype: Terminal, engine: FakeEngine, site: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TINTYPE_ALLOW_ADDRESSES", "127.0.0.1:9")
        assert tintype("batch", "--sitemap", site, "-o", "out") == 3
        assert "not a public web address; TINTYPE_ALLOW_ADDRESSES permits others" in tintype.err
        assert (engine.capture_count, Path("out").exists()) == (0, False)

    @pytest.mark.usefixtures("engine")
    def test_rejects_a_file_of_another_kind(self, tintype: Terminal) -> None:
        Path("map.xml").write_text("<html/>")
        assert tintype("batch", "--sitemap", "map.xml", "-o", "out") == 2
        assert "map.xml: not a sitemap" in tintype.err

    @pytest.mark.usefixtures("engine")
    def test_replaces_the_required_list(self, tintype: Terminal) -> None:
        assert tintype("batch", "-o", "out") == 2
        assert "Pass a LIST of URLs, or --sitemap." in tintype.err


@pytest.mark.usefixtures("engine")
class TestReports:
    def test_have_no_sizes_without_an_image(self, tintype: Terminal) -> None:
        Path("urls.txt").write_text(f"{HOST}/a\nnonsense\n")
        for name in ("report.json", "report.csv"):
            assert tintype("batch", "urls.txt", "-o", "out", "--report", name) == 1
        _, failed = json.loads(Path("report.json").read_text())
        assert [failed[name] for name in ("width", "height", "bytes", "status")] == [None] * 4
        with Path("report.csv").open() as file:
            captured, failed = csv.DictReader(file)
        assert (captured["width"], failed["width"], failed["status"]) == ("1280", "", "")

    def test_contain_a_contact_sheet(self, tintype: Terminal) -> None:
        Path("urls.txt").write_text(f"{HOST}/a\nnonsense\n")
        assert tintype("batch", "urls.txt", "-o", "out", "--contact-sheet", "out/index.html") == 1
        text = Path("out/index.html").read_text()
        assert 'src="./127.0.0.1-9-a.png"' in text
        assert "2 pages: 1 captured, 1 failed" in text
        assert imaging.size(Path("out/127.0.0.1-9-a.png").read_bytes())[:2] == (1280, 720)

    @pytest.mark.parametrize(
        ("flags", "code", "message"),
        [
            (("--contact-sheet", "sheet.png"), 2, "use a file name that ends in .html"),
            (("--contact-sheet", "nowhere/sheet.html"), 1, "the folder nowhere does not exist"),
            (("--report", "nowhere/report.csv"), 1, "the folder nowhere does not exist"),
        ],
    )
    def test_fail_before_any_capture(
        self, tintype: Terminal, engine: FakeEngine, flags: tuple[str, ...], code: int, message: str
    ) -> None:
        Path("urls.txt").write_text(f"{HOST}/a\n")
        assert tintype("batch", "urls.txt", "-o", "out", *flags) == code
        assert message in tintype.err
        assert engine.capture_count == 0
