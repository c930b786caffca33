"""Metrics of engines, caches and storages."""

from __future__ import annotations

import pytest
from limits.errors import StorageError

from tests.support.fakes import FakeEngine, MemoryStorage
from tests.support.metrics import read_metrics, value
from tests.web.conftest import Site
from tintype import errors
from tintype.model import StoredObject
from tintype.options import Options
from tintype.service.limits import WaitingLimit
from tintype.telemetry.instrumented import InstrumentedCache, InstrumentedEngine, InstrumentedLimit, InstrumentedStorage
from tintype.web.rate_limit import RateLimits

SHOT = Options(url="https://site.org/").capture_request().shot


class TestWrappers:
    def test_count_captures_by_engine_and_result(self, site: Site) -> None:
        engine = FakeEngine(site.clock)
        instrumented = InstrumentedEngine(engine, "chromium")
        instrumented.capture(SHOT)
        engine.error = errors.CaptureTimeout()
        with pytest.raises(errors.CaptureTimeout):
            instrumented.capture(SHOT)
        text = read_metrics(site.client)
        assert value(text, "tintype_captures_total", engine="chromium", result="ok") == 1
        assert value(text, "tintype_captures_total", engine="chromium", result="capture-timeout") == 1
        assert value(text, "tintype_capture_duration_seconds_count", engine="chromium") == 2

    def test_observe_phases_of_the_engine_and_of_the_service(self, site: Site) -> None:
        site.thumb()
        text = read_metrics(site.client)
        counts = {
            p: value(text, "tintype_capture_phase_seconds_count", phase=p) for p in ("lookup", "navigate", "encode")
        }
        assert counts == {"lookup": 1, "navigate": 1, "encode": 1}
        assert value(text, "tintype_capture_phase_seconds_sum", phase="navigate") == 0.0125
        assert value(text, "tintype_capture_phase_seconds_bucket", phase="navigate", le="0.01") == 0
        assert value(text, "tintype_capture_phase_seconds_bucket", phase="navigate", le="0.025") == 1

    def test_count_failures_of_the_storage(self, site: Site) -> None:
        storage = MemoryStorage()
        instrumented = InstrumentedStorage(storage)
        stored = StoredObject(key="k", body=b"x", mime="image/png")
        instrumented.put(stored)
        storage.error = "down"
        with pytest.raises(errors.BackendUnavailable):
            instrumented.put(stored)
        text = read_metrics(site.client)
        assert value(text, "tintype_storage_operation_seconds_count", operation="put") == 2
        assert value(text, "tintype_backend_failures_total", backend="storage") == 1

    def test_failures_of_the_rate_limit_storage_are_counted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def down(*_: object) -> None:
            raise StorageError(OSError("down"))

        site = Site(rate_limits=RateLimits(thumb="1 per day"))
        monkeypatch.setattr(site.counters, "count", down)
        site.thumb()
        assert value(read_metrics(site.client), "tintype_backend_failures_total", backend="limits") == 1

    def test_time_cache_operations(self, site: Site) -> None:
        instrumented = InstrumentedCache(site.records, "records")
        instrumented.put("key", b"value", 60)
        assert instrumented.get("key") == b"value"
        text = read_metrics(site.client)
        for operation in ("put", "get"):
            name = "tintype_cache_operation_seconds_count"
            assert value(text, name, cache="records", operation=operation) == 1


class TestInstrumentedLimit:
    def test_gauge_counts_admitted_requests_only(self, site: Site) -> None:
        def waiting() -> float:
            return value(read_metrics(site.client), "tintype_waiting_requests")

        limit, before = InstrumentedLimit(WaitingLimit(1)), waiting()
        with limit.acquire("a"):
            assert waiting() == before + 1
            with pytest.raises(errors.Overloaded), limit.acquire("b"):
                pass
            assert waiting() == before + 1
        with pytest.raises(ZeroDivisionError), limit.acquire("a"):
            raise ZeroDivisionError
        assert waiting() == before
