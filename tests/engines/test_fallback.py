from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support.snapsharp_server import KEY, SnapSharpServer
from tintype import errors
from tintype.deadline import answer_within
from tintype.engines import fallback
from tintype.engines.fallback import FallbackEngine
from tintype.engines.snapsharp import SnapSharpEngine
from tintype.model import Capture
from tintype.options import Options, Shot
from tintype.protocols import Engine

ENGINE_FAULTS = (errors.Overloaded, errors.BackendUnavailable, errors.BrowserCrashed, errors.EngineError)
OTHER_FAULTS = tuple(kind for kind in errors.ALL if kind not in (*ENGINE_FAULTS, errors.UnsupportedOption))
NOT_OFFERED = errors.UnsupportedOption(errors.InvalidParameter("selector", "is not offered"))


def shot(**options: Any) -> Shot:
    return Options(url="https://example.com/?q=secret-value", **options).capture_request().shot


class FakeEngine:
    """An engine that raises ``failure`` or returns a capture with its name as title."""

    def __init__(self, name: str, failure: Exception | None = None) -> None:
        self.name, self.failure = name, failure
        self.captures = self.closed = 0

    def capture(self, _: Shot, *, fresh: bool = False) -> Capture:
        self.captures += 1
        self.check()
        return Capture(body=b"", width=1, height=1, taken_at=0, title=self.name)

    def warnings(self) -> tuple[str, ...]:
        return (f"{self.name} is odd",)

    def check(self) -> None:
        if self.failure:
            raise self.failure

    def close(self) -> None:
        self.closed += 1
        if isinstance(self.failure, OSError):
            raise self.failure


def good(name: str = "good") -> FakeEngine:
    return FakeEngine(name)


def bad(failure: Exception) -> FakeEngine:
    return FakeEngine("bad", failure)


class TestCapture:
    def test_prefers_the_first_engine(self) -> None:
        first, second = good("first"), good("second")
        engine: Engine = FallbackEngine([first, second])
        assert engine.capture(shot()).title == "first"
        assert second.captures == 0

    @pytest.mark.parametrize("kind", ENGINE_FAULTS)
    def test_tries_the_next_engine_after_an_engine_failure(self, kind: type[errors.TintypeError]) -> None:
        assert FallbackEngine([bad(kind()), bad(kind()), good("third")]).capture(shot()).title == "third"

    @pytest.mark.parametrize("kind", OTHER_FAULTS)
    def test_tries_no_other_engine_after_a_client_or_page_error(self, kind: type[errors.TintypeError]) -> None:
        second = good()
        with pytest.raises(kind):
            FallbackEngine([bad(kind()), second]).capture(shot())
        assert second.captures == 0

    def test_tries_no_other_engine_shortly_before_the_deadline(self) -> None:
        second = good()
        with answer_within(fallback.MIN_CAPTURE_TIME / 2), pytest.raises(errors.BackendUnavailable):
            FallbackEngine([bad(errors.BackendUnavailable()), second]).capture(shot())
        assert second.captures == 0

    def test_tries_the_next_engine_for_an_unsupported_option(self) -> None:
        assert FallbackEngine([bad(NOT_OFFERED), good("second")]).capture(shot()).title == "second"

    def test_raises_the_first_failure_if_the_next_lacks_an_option(self) -> None:
        overloaded = errors.Overloaded(retry_after=7)
        with pytest.raises(errors.Overloaded) as failure:
            FallbackEngine([bad(overloaded), bad(NOT_OFFERED)]).capture(shot())
        assert failure.value is overloaded

    def test_raises_unsupported_option_if_all_engines_lack_it(self) -> None:
        with pytest.raises(errors.UnsupportedOption):
            FallbackEngine([bad(NOT_OFFERED), bad(NOT_OFFERED)]).capture(shot())

    @pytest.mark.parametrize(
        "failures", [[errors.BrowserCrashed(), errors.Overloaded()], [NOT_OFFERED, errors.BrowserCrashed()]]
    )
    def test_raises_the_failure_of_the_preferred_engine(self, failures: list[Exception]) -> None:
        with pytest.raises(errors.BrowserCrashed):
            FallbackEngine([bad(failure) for failure in failures]).capture(shot())

    def test_logs_each_fallback(self) -> None:
        with capture_logs() as logs:
            FallbackEngine([bad(errors.Overloaded("the line is full")), good()]).capture(shot())
        (line,) = logs
        assert line["event"] == "engine_fallback"
        assert (line["engine"], line["error"], line["target"]) == ("FakeEngine", "overloaded", "example.com")
        assert "secret-value" not in str(logs)

    def test_raises_a_programming_error(self) -> None:
        with pytest.raises(ZeroDivisionError):
            FallbackEngine([bad(ZeroDivisionError()), good()]).capture(shot())


class TestCheck:
    def test_passes_if_one_engine_works(self) -> None:
        FallbackEngine([bad(errors.BackendUnavailable()), good()]).check()
        FallbackEngine([good(), bad(errors.BackendUnavailable())]).check()

    def test_warns_about_the_engines_that_do_not_work(self) -> None:
        engine = FallbackEngine([good(), bad(errors.BackendUnavailable("its API key is rejected"))])
        engine.check()
        assert engine.warnings()[:1] == ("engine 2 does not work: its API key is rejected",)

    def test_engine_that_hangs_counts_as_broken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(fallback, "CHECK_TIMEOUT", 2.0)
        hanging, released = good(), threading.Event()
        monkeypatch.setattr(hanging, "check", lambda: released.wait(30))
        engine = FallbackEngine([hanging, good()])
        engine.check()
        released.set()
        assert engine.warnings()[:1] == ("engine 1 does not work: the engine did not respond in time",)

    def test_raises_the_first_failure_if_none_works(self) -> None:
        first = errors.BackendUnavailable("no browser")
        with pytest.raises(errors.BackendUnavailable) as failure:
            FallbackEngine([bad(first), bad(errors.BackendUnavailable("no network"))]).check()
        assert failure.value is first


class TestClose:
    def test_closes_every_engine(self) -> None:
        engines = [good(), good()]
        FallbackEngine(engines).close()
        assert [engine.closed for engine in engines] == [1, 1]

    def test_closes_the_rest_if_one_raises(self) -> None:
        engines = [good(), bad(OSError("stuck")), good()]
        with pytest.raises(OSError, match="stuck"):
            FallbackEngine(engines).close()
        assert [engine.closed for engine in engines] == [1, 1, 1]


def test_requires_an_engine() -> None:
    with pytest.raises(ValueError, match="at least one"):
        FallbackEngine([])


class TestHostedEngine:
    @pytest.fixture
    def api(self) -> Iterator[SnapSharpServer]:
        with SnapSharpServer() as server:
            yield server

    def test_captures_if_chromium_is_overloaded(self, api: SnapSharpServer) -> None:
        engine = FallbackEngine([bad(errors.Overloaded()), SnapSharpEngine(api.url, KEY, timeout=5)])
        assert engine.capture(shot()).width == 1280
        engine.close()

    def test_next_engine_captures_if_the_hosted_engine_fails(self, api: SnapSharpServer) -> None:
        api.fault = "quota_exceeded"
        hosted = SnapSharpEngine(api.url, KEY, timeout=5)
        engine = FallbackEngine([hosted, good("own browser")])
        assert engine.capture(shot()).title == "own browser"
        assert engine.capture(shot(selector="#main")).title == "own browser"
        assert len(api.requests) == 1
        engine.close()

    def test_keeps_overloaded_if_it_lacks_an_option(self, api: SnapSharpServer) -> None:
        engine = FallbackEngine([bad(errors.Overloaded()), SnapSharpEngine(api.url, KEY, timeout=5)])
        with pytest.raises(errors.Overloaded):
            engine.capture(shot(selector="#main"))
        engine.close()


def test_returns_the_warnings_of_every_engine() -> None:
    assert FallbackEngine([good("first"), good("second")]).warnings() == ("first is odd", "second is odd")
