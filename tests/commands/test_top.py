"""``tintype top``: what a running node is doing, told in a terminal, once, or as JSON."""

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
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import pytest
from rich.console import Console

from tests.support.serve_process import ServeProcess
from tests.support.terminal import Terminal
from tintype.commands import top_view
from tintype.telemetry.scrape import Scrape
from tintype.telemetry.status import NodeRates, rates_between

pytestmark = pytest.mark.usefixtures("own_settings")


def told(**counts: float) -> str:
    """An exposition like that of a node, with these counts."""
    figures = {"hits": 90, "misses": 10, "errors": 2, "captures": 12, "failures": 1, "seconds": 26.0, "limited": 3}
    n = {**figures, **counts}
    return f"""\
# TYPE tintype_requests_total counter
tintype_requests_total{{route="/thumb",status="200",cache="HIT"}} {n["hits"]}
tintype_requests_total{{route="/thumb",status="200",cache="MISS"}} {n["misses"]}
tintype_requests_total{{route="/thumb",status="429",cache="none"}} {n["errors"]}
tintype_requests_total{{route="/metrics",status="200",cache="none"}} 77
# TYPE tintype_problems_total counter
tintype_problems_total{{error="rate-limited"}} {n["limited"]}
tintype_problems_total{{error="not-found"}} 5
# TYPE tintype_captures_total counter
tintype_captures_total{{engine="chromium",result="ok"}} {n["captures"]}
tintype_captures_total{{engine="chromium",result="capture-timeout"}} {n["failures"]}
# TYPE tintype_capture_duration_seconds histogram
tintype_capture_duration_seconds_sum{{engine="chromium"}} {n["seconds"]}
# TYPE tintype_capture_queue_length gauge
tintype_capture_queue_length 4
# TYPE tintype_capture_queue_limit gauge
tintype_capture_queue_limit 12
# TYPE tintype_browser_restarts_total counter
tintype_browser_restarts_total 1
# TYPE tintype_daemon_up gauge
tintype_daemon_up 1
# TYPE tintype_memory_bytes gauge
tintype_memory_bytes{{process="web"}} 120e6
tintype_memory_bytes{{process="browser"}} 1.4e9
# TYPE tintype_start_time_seconds gauge
tintype_start_time_seconds 1000
# TYPE tintype_build_info gauge
tintype_build_info{{version="1.2.3",python="3.11",browser="Chromium"}} 1
"""


def status(earlier: str, later: str, over: float = 10.0) -> NodeRates:
    return rates_between(Scrape.parse(earlier, 50.0), Scrape.parse(later, 50.0 + over), now=8260.0)


class TestAStatus:
    def test_has_the_rates_of_what_happened_in_between(self) -> None:
        seen = status(told(), told(hits=180, misses=20, errors=7, captures=22, failures=1, seconds=41.0, limited=8))
        assert (seen.requests_per_second["HIT"], seen.requests_per_second["MISS"]) == (9.0, 1.0)
        assert (seen.requests_per_second["none"], seen.requests_per_second["STALE"]) == (0.5, 0.0)
        assert (seen.captures_per_minute, seen.failures_per_minute, seen.capture_seconds) == (60.0, 0.0, 1.5)
        assert (seen.hit_ratio, seen.hit_ratio_in_all) == (0.9, 0.9)
        assert seen.refusals_per_minute["rate-limited"] == 30.0

    def test_has_levels_as_they_are(self) -> None:
        seen = status(told(), told())
        assert (seen.version, seen.uptime) == ("1.2.3", 7260.0)
        assert (seen.line["waiting"], seen.line["limit"], seen.line["slots"]) == (4.0, 12.0, None)
        assert (seen.browser["restarts"], seen.memory_bytes) == (1.0, {"web": 120e6, "browser": 1.4e9})

    def test_of_nothing_has_no_ratio(self) -> None:
        seen = status(told(), told())
        assert (seen.hit_ratio, seen.capture_seconds, seen.captures_per_minute) == (None, None, 0.0)

    def test_survives_counts_that_begin_anew(self) -> None:
        assert status(told(hits=1000), told(hits=30)).requests_per_second["HIT"] == 3.0


class TestTheScreen:
    def drawn(self, seen: NodeRates, **more: Any) -> str:
        console = Console(width=80, height=24, force_terminal=False)
        with console.capture() as captured:
            console.print(top_view.render(seen, "http://127.0.0.1:8000", **more))
        return captured.get()

    def test_fits_an_ordinary_terminal_and_says_it_all(self) -> None:
        text = self.drawn(status(told(), told(hits=180, captures=14, failures=2, seconds=30, limited=8)))
        assert len(text.splitlines()) <= 24
        assert max(map(len, text.splitlines())) <= 80
        for words in (
            "Tintype 1.2.3  http://127.0.0.1:8000  up 2 h 1 min",
            "100.0% now, 94.7% in all",
            "12 a minute, 1.3 s each, 6.0 failed",
            "4 of 12 in line, – of – slots busy",
            "1 lost, 0 renewed",
            "web 120 MB, browser 1.4 GB",
            "30 rate-limited a minute, 8 in all",
        ):
            assert words in text

    def test_says_that_the_node_is_silent(self) -> None:
        assert "no answer for 7 s" in self.drawn(status(told(), told()), silent=7.2)

    def test_shows_the_last_of_a_long_history(self) -> None:
        seen = status(told(), told())
        history = [replace(seen, captures_per_minute=float(number)) for number in range(100)]
        assert "█" in self.drawn(seen, history=history)

    def test_of_a_node_without_a_browser_of_its_own(self) -> None:
        seen = replace(status(told(), told()), browser={"up": None}, memory_bytes={})
        assert "another's" in self.drawn(seen)


@contextlib.contextmanager
def answering(status_: int, body: str, token: str = "") -> Iterator[str]:
    """The address of something that answers /metrics so, to whoever has the token."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            permitted = not token or self.headers["Authorization"] == f"Bearer {token}"
            self.send_response(status_ if permitted else HTTPStatus.UNAUTHORIZED)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(body.encode() if permitted and self.path == "/metrics" else b"")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class TestOnce:
    def test_is_a_page_of_text(self, tintype: Terminal) -> None:
        with answering(200, told()) as url:
            assert tintype("top", url, "--once", "--interval", "0.1") == 0
        assert "Tintype 1.2.3" in tintype.out
        assert "hit ratio" in tintype.out

    def test_is_a_line_of_json_for_programs(self, tintype: Terminal) -> None:
        with answering(200, told()) as url:
            assert tintype("top", f"{url}/", "--once", "--json", "--interval", "0.1") == 0
            said = json.loads(tintype.out)
        assert (said["url"], said["pictures"]["HIT"], said["requests_per_second"]["HIT"]) == (url, 90, 0)
        assert (said["line"]["waiting"], said["refusals"]["rate-limited"], said["captures"]) == (4, 3, 12)

    def test_sends_the_operator_s_token(self, tintype: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        with answering(200, told(), token="s3cret") as url:
            assert tintype("top", url, "--once", "--interval", "0.1", "--token", "s3cret") == 0
            monkeypatch.setenv("TINTYPE_METRICS_TOKEN", "s3cret")
            assert tintype("top", url, "--once", "--interval", "0.1") == 0
            monkeypatch.setenv("TINTYPE_METRICS_TOKEN", "wrong")
            assert tintype("top", url, "--once") == 4
        assert "wants its token" in tintype.err


class TestWhereNothingIsTold:
    def test_says_that_nothing_answers(self, tintype: Terminal) -> None:
        assert tintype("top", "http://127.0.0.1:9", "--once") == 4
        assert "nothing answers at http://127.0.0.1:9 (Connection refused); is tintype serve running?" in tintype.err

    def test_asks_where_the_settings_say(self, tintype: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PORT", "9")
        monkeypatch.setenv("HOST", "0.0.0.0")
        assert tintype("top", "--once") == 4
        assert "http://127.0.0.1:9" in tintype.err

    @pytest.mark.parametrize(
        ("code", "body", "words"),
        [
            (404, "", "see TINTYPE_METRICS"),
            (200, "<!doctype html><p>Hello", "is no Tintype"),
            (200, "# TYPE up gauge\nup 1\n", "is no Tintype"),
            (302, "", "answered 302"),
        ],
    )
    def test_says_what_answers_instead(self, tintype: Terminal, code: int, body: str, words: str) -> None:
        with answering(code, body) as url:
            assert tintype("top", url, "--once") == 4
        assert words in tintype.err

    @pytest.mark.parametrize("url", ["localhost:8000", "ftp://a", "http://", "http://a:99999999"])
    def test_an_address_that_is_none_is_wrong_usage(self, tintype: Terminal, url: str) -> None:
        assert tintype("top", url, "--once") == 2
        assert "http:// or https:// address" in tintype.err


def test_a_terminal_shows_a_real_node_until_ctrl_c_and_outlives_its_end() -> None:
    with ServeProcess(PORT="0") as served:
        url = served.wait_listening()["url"]
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "tintype", "top", url, "--interval", "0.2"]
        shown = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "100"}
        )
        os.close(theirs)
        try:
            said = read_until(ours, "hit ratio")
            assert url in said
            served.process.kill()
            assert "no answer for" in read_until(ours, "no answer for")
        finally:
            shown.send_signal(signal.SIGINT)
            with contextlib.suppress(OSError):  # the other end is closed
                while os.read(ours, 1 << 16):
                    pass
            os.close(ours)
        assert shown.wait(30) == 0


def read_until(terminal: int, words: str) -> str:
    """What a terminal shows, up to some words."""
    said = ""
    while words not in said:
        said += os.read(terminal, 1 << 16).decode(errors="replace")
    return said
