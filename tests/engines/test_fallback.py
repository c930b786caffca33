from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support.snapsharp_server import KEY, SnapSharpServer
from tintype import errors
from tintype.engines.fallback import FallbackEngine
from tintype.engines.snapsharp import SnapSharpEngine
from tintype.model import Capture
from tintype.options import Options, Shot
from tintype.protocols import Engine

ENGINE_FAULTS = (errors.Overloaded, errors.BackendUnavailable, errors.BrowserCrashed, errors.EngineError)
OTHER_FAULTS = tuple(kind for kind in errors.ALL if kind not in (*ENGINE_FAULTS, errors.UnsupportedOption))
NOT_OFFERED = errors.UnsupportedOption(errors.InvalidParameter("selector", "is not offered"))


def shot(**options: Any) -> Shot:
    return Options(url="https://example.com/?q=tell-nobody", **options).capture_request().shot


class Pretended:
    """An engine that fails as told, or takes a picture that bears its name."""

    def __init__(self, name: str, failure: Exception | None = None) -> None:
        self.name, self.failure = name, failure
        self.asked = self.closed = 0

    def capture(self, _: Shot) -> Capture:
        self.asked += 1
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


def good(name: str = "good") -> Pretended:
    return Pretended(name)


def bad(failure: Exception) -> Pretended:
    return Pretended("bad", failure)


class TestCapture:
    def test_the_first_engine_is_preferred(self) -> None:
        first, second = good("first"), good("second")
        engine: Engine = FallbackEngine([first, second])
        assert engine.capture(shot()).title == "first"
        assert second.asked == 0

    @pytest.mark.parametrize("kind", ENGINE_FAULTS)
    def test_the_next_takes_over_what_an_engine_cannot(self, kind: type[errors.TintypeError]) -> None:
        assert FallbackEngine([bad(kind()), bad(kind()), good("third")]).capture(shot()).title == "third"

    @pytest.mark.parametrize("kind", OTHER_FAULTS)
    def test_no_other_is_asked_when_caller_or_page_is_at_fault(self, kind: type[errors.TintypeError]) -> None:
        second = good()
        with pytest.raises(kind):
            FallbackEngine([bad(kind()), second]).capture(shot())
        assert second.asked == 0

    def test_an_option_the_first_lacks_may_be_known_to_the_next(self) -> None:
        assert FallbackEngine([bad(NOT_OFFERED), good("second")]).capture(shot()).title == "second"

    def test_an_option_the_next_lacks_leaves_the_first_failure_to_be_told(self) -> None:
        overloaded = errors.Overloaded(retry_after=7)
        with pytest.raises(errors.Overloaded) as failure:
            FallbackEngine([bad(overloaded), bad(NOT_OFFERED)]).capture(shot())
        assert failure.value is overloaded

    def test_an_option_nobody_knows_is_told_as_such(self) -> None:
        with pytest.raises(errors.UnsupportedOption):
            FallbackEngine([bad(NOT_OFFERED), bad(NOT_OFFERED)]).capture(shot())

    @pytest.mark.parametrize(
        "failures", [[errors.BrowserCrashed(), errors.Overloaded()], [NOT_OFFERED, errors.BrowserCrashed()]]
    )
    def test_the_failure_told_is_that_of_the_preferred_engine_that_tried(self, failures: list[Exception]) -> None:
        with pytest.raises(errors.BrowserCrashed):
            FallbackEngine([bad(failure) for failure in failures]).capture(shot())

    def test_the_operator_reads_who_was_passed_over(self) -> None:
        with capture_logs() as logs:
            FallbackEngine([bad(errors.Overloaded("the line is full")), good()]).capture(shot())
        (line,) = logs
        assert line["event"] == "engine_fallback"
        assert (line["engine"], line["error"], line["target"]) == ("Pretended", "overloaded", "example.com")
        assert "tell-nobody" not in str(logs)

    def test_a_programming_error_is_not_hidden(self) -> None:
        with pytest.raises(ZeroDivisionError):
            FallbackEngine([bad(ZeroDivisionError()), good()]).capture(shot())


class TestCheck:
    def test_passes_when_any_could_work(self) -> None:
        FallbackEngine([bad(errors.BackendUnavailable()), good()]).check()
        FallbackEngine([good(), bad(errors.BackendUnavailable())]).check()

    def test_tells_the_first_failure_when_none_could(self) -> None:
        first = errors.BackendUnavailable("no browser")
        with pytest.raises(errors.BackendUnavailable) as failure:
            FallbackEngine([bad(first), bad(errors.BackendUnavailable("no network"))]).check()
        assert failure.value is first


class TestClose:
    def test_closes_all(self) -> None:
        engines = [good(), good()]
        FallbackEngine(engines).close()
        assert [engine.closed for engine in engines] == [1, 1]

    def test_closes_the_rest_when_one_does_not_close(self) -> None:
        engines = [good(), bad(OSError("stuck")), good()]
        with pytest.raises(OSError, match="stuck"):
            FallbackEngine(engines).close()
        assert [engine.closed for engine in engines] == [1, 1, 1]


def test_one_engine_is_needed_at_least() -> None:
    with pytest.raises(ValueError, match="at least one"):
        FallbackEngine([])


class TestWithAHostedEngine:
    @pytest.fixture
    def api(self) -> Iterator[SnapSharpServer]:
        with SnapSharpServer() as server:
            yield server

    def test_a_hosted_engine_helps_out(self, api: SnapSharpServer) -> None:
        engine = FallbackEngine([bad(errors.Overloaded()), SnapSharpEngine(api.url, KEY, timeout=5)])
        assert engine.capture(shot()).width == 1280
        engine.close()

    def test_a_hosted_engine_is_helped_out(self, api: SnapSharpServer) -> None:
        api.fault = "quota_exceeded"
        hosted = SnapSharpEngine(api.url, KEY, timeout=5)
        engine = FallbackEngine([hosted, good("own browser")])
        assert engine.capture(shot()).title == "own browser"
        assert engine.capture(shot(selector="#main")).title == "own browser"
        assert len(api.seen) == 1
        engine.close()

    def test_an_element_is_not_blamed_on_the_caller_when_the_own_browser_is_busy(self, api: SnapSharpServer) -> None:
        engine = FallbackEngine([bad(errors.Overloaded()), SnapSharpEngine(api.url, KEY, timeout=5)])
        with pytest.raises(errors.Overloaded):
            engine.capture(shot(selector="#main"))
        engine.close()


def test_returns_the_warnings_of_every_engine() -> None:
    assert FallbackEngine([good("first"), good("second")]).warnings() == ("first is odd", "second is odd")
