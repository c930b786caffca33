"""Traces as a collector receives them: a tiny one on loopback that speaks OTLP over HTTP."""

from __future__ import annotations

import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support.metrics import value
from tests.web.conftest import Site
from tintype import errors, telemetry
from tintype.telemetry.timing import timed_step
from tintype.web import create_app

proto = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")

CALLER = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


@dataclass
class Collector:
    """Keeps the spans it is sent."""

    url: str = ""
    spans: list[Any] = field(default_factory=list)
    resources: list[dict[str, str]] = field(default_factory=list)

    def take(self, body: bytes) -> None:
        for told in proto.ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resources.append({each.key: each.value.string_value for each in told.resource.attributes})
            self.spans += [span for scope in told.scope_spans for span in scope.spans]

    def one(self, name: str) -> Any:
        (found,) = [span for span in self.spans if span.name == name]
        return found


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if self.path == "/v1/traces":
                collector.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        collector.url = f"http://127.0.0.1:{server.server_port}"
        yield collector
        server.shutdown()


def traced(collector: Collector, *paths: str, site: Site | None = None, **headers: str) -> None:
    """Ask for paths while traces are sent, and end only when the collector has them."""
    end = telemetry.start_tracing(collector.url)
    try:
        client = create_app((site or Site()).application).test_client()
        for path in paths:
            client.get(path, headers=headers)
    finally:
        end()


def attributes(span: Any) -> dict[str, Any]:
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


THUMB = "/thumb?url=https://site.org/?secret=7"


class TestSpans:
    def test_a_request_holds_its_steps_and_a_capture_its_phases(self, collector: Collector) -> None:
        traced(collector, THUMB)
        request, capture, phase = (collector.one(name) for name in ("GET /thumb", "capture", "navigate"))
        assert capture.parent_span_id == request.span_id
        assert phase.parent_span_id == capture.span_id
        assert phase.end_time_unix_nano - phase.start_time_unix_nano == 12_500_000
        assert {span.name for span in collector.spans} >= {"lookup", "render"}
        assert len({span.trace_id for span in collector.spans}) == 1

    def test_a_caller_is_followed(self, collector: Collector) -> None:
        traced(collector, THUMB, traceparent=f"00-{CALLER}-{PARENT}-01")
        request = collector.one("GET /thumb")
        assert (request.trace_id.hex(), request.parent_span_id.hex()) == (CALLER, PARENT)

    def test_a_caller_who_does_not_want_a_trace_gets_none(self, collector: Collector) -> None:
        traced(collector, THUMB, traceparent=f"00-{CALLER}-{PARENT}-00")
        assert collector.spans == []

    def test_hits_of_the_fast_path_are_traced(self, collector: Collector) -> None:
        traced(collector, THUMB, THUMB, THUMB)
        states = [attributes(span)["tintype.cache"] for span in collector.spans if span.name == "GET /thumb"]
        assert sorted(states) == ["HIT", "HIT", "MISS"]

    def test_a_failure_says_its_code(self, collector: Collector) -> None:
        site = Site()
        site.engine.error = errors.CaptureTimeout()
        traced(collector, THUMB, site=site)
        request, capture = collector.one("GET /thumb"), collector.one("capture")
        assert attributes(request)["http.response.status_code"] == 504
        assert (capture.status.code, capture.status.message) == (2, "capture-timeout")

    def test_machines_that_watch_are_left_out(self, collector: Collector) -> None:
        traced(collector, "/health", "/metrics", "/nowhere")
        assert [span.name for span in collector.spans] == ["GET -"]

    def test_no_address_that_was_photographed_is_told(self, collector: Collector) -> None:
        traced(collector, THUMB)
        assert not [span for span in collector.spans if "site.org" in str(span) or "secret" in str(span)]

    def test_the_service_names_itself(self, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
        traced(collector, THUMB)
        assert collector.resources[0]["service.name"] == "tintype"
        monkeypatch.setenv("OTEL_SERVICE_NAME", "thumbs")
        traced(collector, THUMB)
        assert collector.resources[-1]["service.name"] == "thumbs"


class TestWithoutThem:
    def test_nothing_is_wrapped(self, site: Site) -> None:
        application = site.app.wsgi_app
        assert telemetry.wrap_wsgi(application) is application

    def test_nothing_is_imported(self) -> None:
        script = "import sys, tintype.web, tintype.application; sys.exit('opentelemetry' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0

    def test_a_missing_extra_is_told_and_does_no_harm(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in [name for name in sys.modules if name.startswith(("opentelemetry", "tintype.telemetry.otlp"))]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "opentelemetry", None)
        with capture_logs() as lines:
            telemetry.start_tracing("http://127.0.0.1:9")()
        assert lines[0]["event"] == "traces_disabled"
        assert "tintype[traces]" in lines[0]["hint"]


class TestSteps:
    def test_a_step_that_fails_is_measured(self) -> None:
        with pytest.raises(errors.TargetDenied), timed_step("lookup"):
            raise errors.TargetDenied
        text = telemetry.expose()[0].decode()
        assert value(text, "tintype_capture_phase_seconds_count", phase="lookup") == 1
