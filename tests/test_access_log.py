"""The batched writer of the access log: threads, forks, broken streams, and when it is not used."""

from __future__ import annotations

import io
import json
import logging
import threading

import pytest

from tests.support.concurrency import eventually, in_fork, in_threads
from tintype import access_log, logs
from tintype.access_log import BatchedWriter


def start_log() -> io.StringIO:
    """Configure JSON logging inside a test, where pytest's own handlers are already installed; returns the stream."""
    logs.configure(log_format="json")
    (handler,) = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.stream = stream = io.StringIO()
    return stream


def render(number: int) -> str:
    return f'"number": {number}'


def numbers(stream: io.StringIO) -> list[int]:
    return [json.loads(line)["number"] for line in stream.getvalue().splitlines()]


class TestWrite:
    def test_writes_json_lines_with_a_timestamp(self) -> None:
        stream = start_log()
        assert access_log.write(render, 7)
        access_log.flush()
        line = json.loads(stream.getvalue())
        assert line["number"] == 7
        assert line["timestamp"].endswith("Z")

    def test_writes_without_a_flush_after_the_interval(self) -> None:
        stream = start_log()
        assert access_log.write(render, 1)
        assert eventually(lambda: numbers(stream) == [1])

    def test_writes_every_line_of_concurrent_threads(self) -> None:
        stream = start_log()
        in_threads(lambda first: [access_log.write(render, first + n) for n in range(1000)], [(0,), (1000,), (2000,)])
        access_log.flush()
        assert sorted(numbers(stream)) == list(range(3000))

    def test_returns_false_for_the_console_format(self) -> None:
        start_log()
        logs.configure(log_format="console")
        assert not access_log.write(render, 1)

    def test_returns_false_if_another_handler_is_installed(self) -> None:
        start_log()
        logging.getLogger().addHandler(logging.NullHandler())
        assert not access_log.write(render, 1)

    def test_ignores_a_closed_stream(self) -> None:
        stream = start_log()
        access_log.write(render, 1)
        stream.close()
        access_log.flush()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
class TestFork:
    def test_writes_lines_of_the_parent_once(self) -> None:
        stream = start_log()
        access_log.write(render, 1)
        assert in_fork(lambda: numbers(stream) == [1] and access_log.write(render, 2))
        access_log.flush()
        assert numbers(stream) == [1]

    def test_starts_a_thread_in_the_child(self) -> None:
        stream = start_log()
        access_log.write(render, 1)

        def child() -> bool:
            access_log.write(render, 2)
            return eventually(lambda: numbers(stream) == [1, 2])

        assert in_fork(child)


class TestBatchedWriter:
    def test_starts_one_thread_for_all_lines(self) -> None:
        stream = start_log()
        started: list[str] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(threading.Thread, "start", lambda thread: started.append(thread.name))
            writer, (handler,) = BatchedWriter(), logging.getLogger().handlers
            assert isinstance(handler, logging.StreamHandler)
            for _ in range(8):
                writer.add((0.0, render, 1), handler)
        assert started == ["tintype-access-log"]
        writer.flush()
        assert numbers(stream) == [1] * 8
