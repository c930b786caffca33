"""Log configuration: formats, levels, masked secrets, and the log throttle."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from tests.support.fakes import Clock
from tintype import logs


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.configure(**before)


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    assert captured.out == "", "stdout is for images"
    return [json.loads(line) for line in captured.err.splitlines()]


def test_json_format_writes_one_object_per_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(log_format="json")
    structlog.get_logger("tintype.test").info("capture_done", target="site.org", ms=12.5)
    (line,) = written(capsys)
    assert line.pop("timestamp").endswith("Z")
    expected = {"event": "capture_done", "level": "info", "logger": "tintype.test", "target": "site.org", "ms": 12.5}
    assert line == expected


def test_libraries_log_in_the_same_format(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(log_format="json")
    logging.getLogger("some.library").warning("it took %s s", 3)
    (line,) = written(capsys)
    assert (line["event"], line["level"], line["logger"]) == ("it took 3 s", "warning", "some.library")


def test_auto_format_is_json_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    structlog.get_logger("tintype.test").info("hello")
    assert written(capsys)[0]["event"] == "hello"


def test_console_format_writes_readable_lines(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(log_format="console")
    structlog.get_logger("tintype.test").info("hello", target="site.org")
    assert "target=site.org" in capsys.readouterr().err


def test_lower_levels_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("warning", "json")
    structlog.get_logger("tintype.test").info("quiet")
    structlog.get_logger("tintype.test").warning("loud")
    assert [line["event"] for line in written(capsys)] == ["loud"]


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_secrets_are_masked(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(log_format=log_format)
    log = structlog.get_logger("tintype.test")
    log.info("x", api_key="hunter2", authorization="Bearer hunter2", redis="redis://:hunter2@10.0.0.1/0")
    try:
        raise ConnectionError("redis://user:hunter2@10.0.0.1 does not answer")
    except ConnectionError:
        log.exception("failed")
    logging.getLogger("library").warning("redis://user:hunter2@10.0.0.1")
    shown = capsys.readouterr().err
    assert "failed" in shown
    assert "hunter2" not in shown


def test_second_configuration_replaces_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(log_format="json")
    logs.configure(log_format="json")
    structlog.get_logger("tintype.test").info("hello")
    assert len(written(capsys)) == 1


class TestLogThrottle:
    def test_allows_one_line_per_interval(self) -> None:
        clock = Clock()
        throttle = logs.LogThrottle(clock=clock)
        assert [throttle.allows() for _ in range(3)] == [True, False, False]
        clock.advance(logs.LOG_INTERVAL)
        assert [throttle.allows() for _ in range(3)] == [True, False, False]

    def test_allows_a_line_immediately_after_a_reset(self) -> None:
        throttle = logs.LogThrottle(clock=Clock())
        assert throttle.allows()
        throttle.reset()
        assert throttle.allows()
