"""``GET /health``, ``GET /ready``, and the log line of a request."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from tests.web.conftest import URL, Site
from tintype import __version__, errors


@pytest.fixture
def lines() -> Iterator[LogCapture]:
    capture = LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, capture])
    logging.getLogger().setLevel(logging.INFO)
    yield capture
    structlog.configure(**before)


class TestHealth:
    def test_returns_the_version(self, site: Site) -> None:
        answer = site.client.get("/health")
        assert (answer.status_code, answer.json) == (200, {"ok": True, "service": "tintype", "version": __version__})
        assert answer.headers["Cache-Control"] == "no-store"

    def test_checks_no_backend(self, site: Site) -> None:
        site.engine.check_error, site.storage.error, site.records.unavailable = "down", "down", True
        assert site.client.get("/health").status_code == 200
        assert site.engine.checks == 0


class TestReadiness:
    def test_reports_ok_for_every_backend(self, site: Site) -> None:
        answer = site.client.get("/ready")
        assert answer.status_code == 200
        assert answer.json == {
            "ok": True,
            "checks": {"engine": "ok", "state": "ok", "storage": "ok"},
            "warnings": [],
        }

    def test_warns_of_a_missing_isolation_layer(self, site: Site) -> None:
        site.engine.warning_texts = ("Chromium runs without its sandbox",)
        answer = site.client.get("/ready")
        assert (answer.status_code, answer.json["warnings"]) == (200, ["Chromium runs without its sandbox"])

    def test_names_the_backend_that_failed(self, site: Site) -> None:
        site.engine.check_error = "the browser does not start"
        answer = site.client.get("/ready")
        assert (answer.status_code, answer.json["error"], answer.json["ok"]) == (503, "backend-unavailable", False)
        assert answer.json["checks"] == {"engine": "the browser does not start", "state": "ok", "storage": "ok"}
        assert answer.json["detail"] == "engine: the browser does not start"
        assert answer.headers["Retry-After"]


class TestRequestLog:
    def request_lines(self, lines: LogCapture) -> list[dict[str, Any]]:
        return [dict(line) for line in lines.entries if line["event"] == "request_finished"]

    def test_writes_one_line_per_request(self, site: Site, lines: LogCapture) -> None:
        answer = site.thumb("https://www.site.org/secret?token=hidden", thumb_width=64)
        (line,) = self.request_lines(lines)
        spent = {name for name in line if name.endswith("ms")}
        assert spent == {"ms", "lookup_ms", "wait_ms", "navigate_ms", "capture_ms", "render_ms"}
        assert all(line.pop(name) >= 0 for name in spent)
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

    def test_counts_the_bytes_of_the_body(self, site: Site, lines: LogCapture) -> None:
        etag = site.thumb().headers["ETag"]
        site.thumb(headers={"If-None-Match": etag})
        site.client.head("/thumb", query_string={"url": URL})
        sent = [line["bytes"] for line in self.request_lines(lines)]
        assert (sent[0] > 0, sent[1:]) == (True, [0, 0])

    def test_logs_the_error_on_the_line_of_the_request(self, site: Site, lines: LogCapture) -> None:
        site.engine.error = errors.Overloaded("the line is full")
        site.thumb()
        (line,) = self.request_lines(lines)
        assert (line["status"], line["error"], line["target"]) == (503, "overloaded", "site.org")
        assert (line["log_level"], line["reason"]) == ("warning", "the line is full")

    def test_logs_client_errors_at_level_info(self, site: Site, lines: LogCapture) -> None:
        site.thumb(width="wide")
        (line,) = self.request_lines(lines)
        assert (line["status"], line["error"], line["log_level"]) == (400, "invalid-request", "info")
        assert "reason" not in line

    def test_contains_why_a_target_was_denied(self, site: Site, lines: LogCapture) -> None:
        site.thumb("http://10.0.0.1/")
        (line,) = self.request_lines(lines)
        assert (line["error"], line["log_level"]) == ("target-denied", "info")
        assert "TINTYPE_ALLOW_ADDRESSES" in line["reason"]

    def test_contains_no_storage_key_and_no_query_string(self, site: Site, lines: LogCapture) -> None:
        key = site.persist(url="https://site.org/?token=hidden").json["key"]
        site.client.get(f"/stored/{key}")
        site.client.get("/wp-login.php?password=hidden")
        assert "hidden" not in repr(lines.entries)
        assert key not in repr(lines.entries)
        assert [line["route"] for line in self.request_lines(lines)] == ["/persist", "/stored/<path:key>", "-"]

    def test_clears_fields_between_requests(self, site: Site, lines: LogCapture) -> None:
        site.thumb()
        site.client.get("/health")
        assert "target" not in self.request_lines(lines)[-1]
