"""Log lines on a terminal: order of fields, width, colours, control characters."""

from __future__ import annotations

import pytest

from tintype.console_log import ConsoleLines

REQUEST = {
    "id": "3f2c" * 8, "target": "site.org", "cache": "MISS", "capture_ms": 172.1, "navigate_ms": 70.1, "method": "GET",
    "route": "/thumb", "status": 200, "ms": 238.6, "bytes": 29611, "event": "request_finished", "level": "info",
    "logger": "tintype.web", "timestamp": "2026-05-04T10:11:12.5Z",
}  # fmt: skip


def render(event: dict[str, object], columns: int = 100, *, colors: bool = False) -> list[str]:
    return ConsoleLines(colors=colors, columns=lambda: columns)(None, "", dict(event)).splitlines()


class TestRequestLine:
    def test_begins_with_method_route_and_status(self) -> None:
        (line,) = render(REQUEST)
        assert line[9:] == "info  GET /thumb 200 MISS 239 ms 30 kB site.org capture_ms=172.1"

    def test_contains_error_and_id_of_a_failure(self) -> None:
        failed = {**REQUEST, "status": 400, "error": "target-denied", "reason": "only public addresses", "cache": ""}
        text = " ".join(line.strip() for line in render(failed))
        assert "GET /thumb 400 target-denied" in text
        assert 'reason="only public addresses"' in text
        assert f"id={REQUEST['id']}" in text

    def test_has_the_colour_of_its_status(self) -> None:
        assert render({**REQUEST, "status": 503}, colors=True)[0].startswith("\x1b[31m")
        assert render({**REQUEST, "status": 404}, colors=True)[0].startswith("\x1b[33m")
        assert "\x1b" not in render(REQUEST, colors=True)[0]


class TestEventLine:
    @pytest.mark.parametrize(("level", "name"), [("warning", "warn "), ("critical", "error"), ("debug", "debug")])
    def test_contains_the_level_in_five_columns(self, level: str, name: str) -> None:
        assert render({"event": "x_failed", "level": level})[0][9:] == f"{name} x_failed"

    def test_keeps_the_order_of_the_fields(self) -> None:
        event = {"event": "browser_started", "version": "1", "pid": 7, "level": "info", "logger": "tintype.chromium"}
        assert render(event)[0].endswith("info  browser_started version=1 pid=7")

    @pytest.mark.parametrize("columns", [80, 100])
    def test_wraps_at_the_width_of_the_terminal(self, columns: int) -> None:
        lines = render(
            {"event": "x_failed", "level": "error", **{f"field_{n}": "word " * 5 for n in range(9)}}, columns
        )
        assert len(lines) > 1
        assert all(len(line) <= columns for line in lines)
        assert all(line.startswith(" " * 15) for line in lines[1:])

    def test_replaces_control_characters(self) -> None:
        (line,) = render({"event": "page_logged", "level": "info", "text": "a\x1b[2Jb"})
        assert "\x1b" not in line
        assert "text=a?[2Jb" in line

    def test_ends_with_the_traceback(self) -> None:
        lines = render({"event": "internal_error", "level": "error", "exception": "Traceback\n  File x"})
        assert lines[1:] == ["Traceback", "  File x"]
