"""Files that a local HTML file can load, those that are refused, and the limits."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tintype.commands import file_server
from tintype.commands.file_server import FileServer

PAGE = b"<!doctype html><p>page"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "outer" / "site"
    (path / "below" / "deeper").mkdir(parents=True)
    (tmp_path / "outer" / "secret.txt").write_text("secret")
    return path


@pytest.fixture
def server(folder: Path) -> Iterator[FileServer]:
    with FileServer(folder, "page.html", PAGE) as server:
        yield server


def get(server: FileServer, path: str) -> httpx.Response:
    return httpx.get(server.base_url + path, timeout=30)


class TestFiles:
    def test_page_is_served_as_it_was_read(self, server: FileServer) -> None:
        response = httpx.get(server.page_url, timeout=30)
        assert (response.content, response.headers["Content-Type"]) == (PAGE, "text/html; charset=utf-8")

    @pytest.mark.parametrize(
        "name",
        ["a.css", "below/deeper/a.css", "with space.css", "100%.css", "a#b?c=1.css", "größe.css", "a&b;c+d='e'.css"],
    )
    def test_any_name_in_the_folder_and_below_is_found(self, name: str, folder: Path, server: FileServer) -> None:
        (folder / name).write_bytes(b"p {}")
        response = get(server, quote(name))
        assert (response.status_code, response.content) == (200, b"p {}")
        assert response.headers["Content-Type"] == "text/css"
        assert server.failures == {}

    def test_name_that_is_no_utf_8_is_found(self, folder: Path, server: FileServer) -> None:
        (folder / os.fsdecode(b"gr\xf6.txt")).write_bytes(b"text")
        assert get(server, "gr%F6.txt").content == b"text"

    @pytest.mark.parametrize(
        ("name", "content_type"),
        [
            ("a.js", "text/javascript"),
            ("a.mjs", "text/javascript"),
            ("a.json", "application/json"),
            ("a.SVG", "image/svg+xml"),
            ("a.woff2", "font/woff2"),
            ("a.wasm", "application/wasm"),
            ("style.css?v=3", "text/css"),
            ("a.unknown", "application/octet-stream"),
            ("a", "application/octet-stream"),
        ],
    )
    def test_type_follows_the_suffix(self, name: str, content_type: str, folder: Path, server: FileServer) -> None:
        (folder / name).write_bytes(b"")
        assert get(server, quote(name)).headers["Content-Type"] == content_type

    def test_frames_have_the_charset_they_declare(self, folder: Path, server: FileServer) -> None:
        (folder / "frame.html").write_bytes(b"<meta charset=koi8-r>")
        assert get(server, "frame.html").headers["Content-Type"] == "text/html; charset=koi8-r"

    def test_query_of_a_request_is_ignored(self, folder: Path, server: FileServer) -> None:
        (folder / "a.css").write_bytes(b"p {}")
        assert get(server, "a.css?v=3").content == b"p {}"

    def test_link_inside_of_the_folder_is_followed(self, folder: Path, server: FileServer) -> None:
        (folder / "a.css").write_bytes(b"p {}")
        (folder / "link.css").symlink_to("a.css")
        assert get(server, "link.css").content == b"p {}"

    def test_client_that_disconnects_prints_nothing(
        self, folder: Path, server: FileServer, capfd: pytest.CaptureFixture[str]
    ) -> None:
        (folder / "large.bin").write_bytes(bytes(20 << 20))
        (folder / "a.css").write_bytes(b"p {}")
        path = server.base_url.removeprefix(f"http://{server.address}")
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", int(server.address.partition(":")[2])), timeout=30) as client:
                client.sendall(f"GET {path}large.bin HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                client.recv(1000)
        assert get(server, "a.css").content == b"p {}"
        assert capfd.readouterr().err == ""


class TestRefused:
    @pytest.mark.parametrize(
        "path", ["..%2Fsecret.txt", "below/..%2F..%2Fsecret.txt", "%2Fetc/passwd", "link.txt", "linked/secret.txt"]
    )
    def test_refuses_what_lies_outside_of_the_folder(self, path: str, folder: Path, server: FileServer) -> None:
        (folder / "link.txt").symlink_to("../secret.txt")
        (folder / "linked").symlink_to("..")
        assert get(server, path).status_code == 404
        assert [*server.failures.values()] == ["lies outside of the folder of the page"]

    def test_refuses_a_path_without_the_token(self, folder: Path, server: FileServer) -> None:
        (folder / "a.css").write_bytes(b"p {}")
        for path in ("/a.css", "/page.html", "/x/page.html"):
            assert httpx.get(f"http://{server.address}{path}", timeout=30).status_code == 404

    def test_refuses_what_is_hidden(self, folder: Path, server: FileServer) -> None:
        (folder / ".git").mkdir()
        for name in (".env", ".git/config"):
            (folder / name).write_text("secret")
            assert get(server, name).status_code == 404
            assert server.failures[name] == "is hidden: its name begins with a dot"

    def test_refuses_folders_pipes_and_missing_files(self, folder: Path, server: FileServer) -> None:
        os.mkfifo(folder / "pipe")
        for name in ("below", "below/", "pipe", "missing", "a%00b", "x" * 5000):
            assert get(server, name).status_code == 404, name
        assert server.failures["pipe"] == "is not a file"
        assert server.failures["missing"] == "does not exist"

    def test_refuses_files_beyond_a_limit(
        self, folder: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (folder / "a.css").write_bytes(b"12345")
        for limit, value in (("MAX_FILE", 4), ("MAX_TOTAL", 9), ("MAX_REQUESTS", 1)):
            with monkeypatch.context() as limited, FileServer(folder, "page.html", PAGE) as other:
                limited.setattr(file_server, limit, value)
                assert [get(other, "a.css").status_code for _ in range(2)][-1] == 404, limit

    def test_reports_printable_names_up_to_a_limit(self, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(file_server, "MAX_FAILURES", 2)
        for name in ("a%1B[2Jb", "c", "d"):
            get(server, name)
        assert [*server.failures] == ["a\ufffd[2Jb", "c"]
