"""``/health``, ``/ready``, and the line a request leaves in the log."""

from __future__ import annotations

import logging

import pytest
import structlog
from structlog.testing import LogCapture

from tests.web.conftest import URL, Site
from tintype import __version__, errors


@pytest.fixture
def lines() -> LogCapture:
    capture = LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, capture])
    logging.getLogger().setLevel(logging.INFO)
    yield capture
    structlog.configure(**before)


class TestHealth:
    def test_tells_that_it_lives(self, site: Site) -> None:
        answer = site.client.get("/health")
        assert (answer.status_code, answer.json) == (200, {"ok": True, "service": "tintype", "version": __version__})
        assert answer.headers["Cache-Control"] == "no-store"

    def test_asks_nobody(self, site: Site) -> None:
        site.engine.check_error, site.storage.error, site.records.unavailable = "down", "down", True
        assert site.client.get("/health").status_code == 200
        assert site.engine.checks == 0


class TestReadiness:
    def test_every_part_works(self, site: Site) -> None:
        answer = site.client.get("/ready")
        assert answer.status_code == 200
        assert answer.json == {
            "ok": True,
            "checks": {"engine": "ok", "state": "ok", "storage": "ok"},
            "warnings": [],
        }

    def test_tells_which_layer_of_the_guard_is_missing(self, site: Site) -> None:
        site.engine.warning_texts = ("Chromium runs without its sandbox",)
        answer = site.client.get("/ready")
        assert (answer.status_code, answer.json["warnings"]) == (200, ["Chromium runs without its sandbox"])

    def test_names_the_part_that_does_not(self, site: Site) -> None:
        site.engine.check_error = "the browser does not start"
        answer = site.client.get("/ready")
        assert (answer.status_code, answer.json["error"], answer.json["ok"]) == (503, "backend-unavailable", False)
        assert answer.json["checks"] == {"engine": "the browser does not start", "state": "ok", "storage": "ok"}
        assert answer.json["detail"] == "engine: the browser does not start"
        assert answer.headers["Retry-After"]


class TestTheLog:
    def request_lines(self, lines: LogCapture) -> list[dict[str, object]]:
        return [line for line in lines.entries if line["event"] == "request_finished"]

    def test_has_one_line_a_request(self, site: Site, lines: LogCapture) -> None:
        answer = site.thumb("https://www.site.org/secret?token=hidden", thumb_width=64)
        (line,) = self.request_lines(lines)
        spent = {name for name in line if name.endswith("ms")}
        assert spent == {"ms", "lookup_ms", "wait_ms", "navigate_ms", "capture_ms", "render_ms"}
        assert all(line.pop(name) >= 0 for name in spent)  # type: ignore[operator]
        assert line == {
            "event": "request_finished",
            "log_level": "info",
            "id": answer.headers["X-Request-Id"],
            "method": "GET",
            "route": "/thumb",
            "status": 200,
            "cache": "MISS",
            "target": "www.site.org",
            "bytes": len(answer.data),
        }

    def test_counts_the_bytes_that_went_out(self, site: Site, lines: LogCapture) -> None:
        etag = site.thumb().headers["ETag"]
        site.thumb(headers={"If-None-Match": etag})
        site.client.head("/thumb", query_string={"url": URL})
        sent = [line["bytes"] for line in self.request_lines(lines)]
        assert (sent[0] > 0, sent[1:]) == (True, [0, 0])

    def test_says_what_failed_and_why_on_the_same_line(self, site: Site, lines: LogCapture) -> None:
        site.engine.error = errors.Overloaded("the line is full")
        site.thumb()
        (line,) = self.request_lines(lines)
        assert (line["status"], line["error"], line["target"]) == (503, "overloaded", "site.org")
        assert (line["log_level"], line["reason"]) == ("warning", "the line is full")

    def test_takes_a_callers_mistake_for_nothing_to_warn_of(self, site: Site, lines: LogCapture) -> None:
        site.thumb(width="wide")
        (line,) = self.request_lines(lines)
        assert (line["status"], line["error"], line["log_level"]) == (400, "invalid-request", "info")
        assert "reason" not in line

    def test_never_holds_keys_or_query_strings(self, site: Site, lines: LogCapture) -> None:
        key = site.persist(url="https://site.org/?token=hidden").json["key"]
        site.client.get(f"/stored/{key}")
        site.client.get("/wp-login.php?password=hidden")
        assert "hidden" not in repr(lines.entries)
        assert key not in repr(lines.entries)
        assert [line["route"] for line in self.request_lines(lines)] == ["/persist", "/stored/<path:key>", "-"]

    def test_one_requests_fields_do_not_leak_into_the_next(self, site: Site, lines: LogCapture) -> None:
        site.thumb()
        site.client.get("/health")
        assert "target" not in self.request_lines(lines)[-1]
