"""``tintype top``: one sample, JSON, errors of the connection, and a live terminal."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http import HTTPStatus

import pytest

from tests.support.expositions import exposition
from tests.support.serve_process import ServeProcess
from tests.support.terminal import Terminal

pytestmark = pytest.mark.usefixtures("own_settings")


@contextlib.contextmanager
def metrics_server(status: int, body: str, token: str = "") -> Iterator[str]:
    """The URL of a server that responds to ``GET /metrics``; with a token, 401 without it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_allowed = not token or self.headers["Authorization"] == f"Bearer {token}"
            self.send_response(status if is_allowed else HTTPStatus.UNAUTHORIZED)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(body.encode() if is_allowed and self.path == "/metrics" else b"")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class TestOnce:
    def test_prints_one_screen(self, tintype: Terminal) -> None:
        with metrics_server(200, exposition()) as url:
            assert tintype("top", url, "--once", "--interval", "0.1") == 0
        assert "Tintype 1.2.3" in tintype.out
        assert "hit ratio" in tintype.out

    def test_prints_one_line_of_json(self, tintype: Terminal) -> None:
        with metrics_server(200, exposition()) as url:
            assert tintype("top", f"{url}/", "--once", "--json", "--interval", "0.1") == 0
            sample = json.loads(tintype.out)
        totals = sample["totals"]
        assert (sample["url"], totals["thumbnails"]["HIT"], sample["thumbnails_per_second"]["HIT"]) == (url, 90, 0)
        assert (totals["queue"]["waiting"], totals["rejections"]["rate-limited"], totals["captures"]) == (4, 3, 12)

    def test_sends_the_metrics_token(self, tintype: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        with metrics_server(200, exposition(), token="s3cret") as url:
            assert tintype("top", url, "--once", "--interval", "0.1", "--token", "s3cret") == 0
            monkeypatch.setenv("TINTYPE_METRICS_TOKEN", "s3cret")
            assert tintype("top", url, "--once", "--interval", "0.1") == 0
            monkeypatch.setenv("TINTYPE_METRICS_TOKEN", "wrong")
            assert tintype("top", url, "--once") == 4
        assert "requires a token" in tintype.err


class TestErrors:
    def test_reports_a_refused_connection(self, tintype: Terminal) -> None:
        assert tintype("top", "http://127.0.0.1:9", "--once") == 4
        assert "cannot connect to http://127.0.0.1:9 (Connection refused); is tintype serve running?" in tintype.err

    def test_uses_host_and_port_of_the_settings(self, tintype: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PORT", "9")
        monkeypatch.setenv("HOST", "0.0.0.0")
        assert tintype("top", "--once") == 4
        assert "http://127.0.0.1:9" in tintype.err

    @pytest.mark.parametrize(
        ("code", "body", "words"),
        [
            (404, "", "is not Tintype"),
            (200, "<!doctype html><p>Hello", "is not Tintype"),
            (200, "# TYPE up gauge\nup 1\n", "is not Tintype"),
            (302, "", "returned status 302"),
        ],
    )
    def test_describes_an_unexpected_response(self, tintype: Terminal, code: int, body: str, words: str) -> None:
        with metrics_server(code, body) as url:
            assert tintype("top", url, "--once") == 4
        assert words in tintype.err

    def test_names_the_setting_that_hides_the_metrics(self, tintype: Terminal) -> None:
        with ServeProcess(PORT="0", TINTYPE_METRICS="off") as served:
            assert tintype("top", served.wait_listening()["url"], "--once") == 4
        assert "this machine may not read it. Set TINTYPE_METRICS" in tintype.err

    @pytest.mark.parametrize("url", ["localhost:8000", "ftp://a", "http://", "http://a:99999999"])
    def test_rejects_an_invalid_url_as_wrong_usage(self, tintype: Terminal, url: str) -> None:
        assert tintype("top", url, "--once") == 2
        assert "http:// or https:// address" in tintype.err


class TestTerminal:
    def test_shows_a_node_until_ctrl_c_and_survives_its_end(self) -> None:
        with ServeProcess(PORT="0") as served:
            url = served.wait_listening()["url"]
            master, slave = pty.openpty()
            env = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
            command = [sys.executable, "-m", "tintype", "top", url, "--interval", "0.2"]
            top = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=env)
            os.close(slave)
            try:
                assert url in read_until(master, "hit ratio")
                served.process.kill()
                assert "no reply for" in read_until(master, "no reply for")
            finally:
                top.send_signal(signal.SIGINT)
                with contextlib.suppress(OSError):  # raised when the child has closed its end
                    while os.read(master, 1 << 16):
                        pass
                os.close(master)
            assert top.wait(30) == 0


def read_until(terminal: int, words: str) -> str:
    """The output of a terminal up to some words."""
    output = ""
    while words not in output:
        output += os.read(terminal, 1 << 16).decode(errors="replace")
    return output
