"""Traces as an OTLP collector on loopback receives them."""

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
class SpanCollector:
    """The spans received."""

    url: str = ""
    spans: list[Any] = field(default_factory=list)
    resources: list[dict[str, str]] = field(default_factory=list)

    def take(self, body: bytes) -> None:
        for resource in proto.ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resources.append({each.key: each.value.string_value for each in resource.resource.attributes})
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]

    def single(self, name: str) -> Any:
        (found,) = [span for span in self.spans if span.name == name]
        return found


@pytest.fixture
def collector() -> Iterator[SpanCollector]:
    collector = SpanCollector()

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


def trace_requests(collector: SpanCollector, *paths: str, site: Site | None = None, **headers: str) -> None:
    """Request paths while tracing, and wait until the collector has the spans."""
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
    def test_request_contains_steps_and_capture_contains_phases(self, collector: SpanCollector) -> None:
        trace_requests(collector, THUMB)
        request, capture, phase = (collector.single(name) for name in ("GET /thumb", "capture", "navigate"))
        assert capture.parent_span_id == request.span_id
        assert phase.parent_span_id == capture.span_id
        assert phase.end_time_unix_nano - phase.start_time_unix_nano == 12_500_000
        assert {span.name for span in collector.spans} >= {"lookup", "render"}
        assert len({span.trace_id for span in collector.spans}) == 1

    def test_request_continues_the_trace_of_the_client(self, collector: SpanCollector) -> None:
        trace_requests(collector, THUMB, traceparent=f"00-{CALLER}-{PARENT}-01")
        request = collector.single("GET /thumb")
        assert (request.trace_id.hex(), request.parent_span_id.hex()) == (CALLER, PARENT)

    def test_request_is_not_traced_if_the_client_does_not_sample(self, collector: SpanCollector) -> None:
        trace_requests(collector, THUMB, traceparent=f"00-{CALLER}-{PARENT}-00")
        assert collector.spans == []

    def test_include_hits_of_the_fast_path(self, collector: SpanCollector) -> None:
        trace_requests(collector, THUMB, THUMB, THUMB)
        states = [attributes(span)["tintype.cache"] for span in collector.spans if span.name == "GET /thumb"]
        assert sorted(states) == ["HIT", "HIT", "MISS"]

    def test_failed_span_contains_the_error_code(self, collector: SpanCollector) -> None:
        site = Site()
        site.engine.error = errors.CaptureTimeout()
        trace_requests(collector, THUMB, site=site)
        request, capture = collector.single("GET /thumb"), collector.single("capture")
        assert attributes(request)["http.response.status_code"] == 504
        assert (capture.status.code, capture.status.message) == (2, "capture-timeout")

    def test_exclude_monitoring_requests(self, collector: SpanCollector) -> None:
        trace_requests(collector, "/health", "/metrics", "/nowhere")
        assert [span.name for span in collector.spans] == ["GET -"]

    def test_contain_no_target(self, collector: SpanCollector) -> None:
        trace_requests(collector, THUMB)
        assert not [span for span in collector.spans if "site.org" in str(span) or "secret" in str(span)]

    def test_contain_the_name_of_the_service(self, collector: SpanCollector, monkeypatch: pytest.MonkeyPatch) -> None:
        trace_requests(collector, THUMB)
        assert collector.resources[0]["service.name"] == "tintype"
        monkeypatch.setenv("OTEL_SERVICE_NAME", "thumbs")
        trace_requests(collector, THUMB)
        assert collector.resources[-1]["service.name"] == "thumbs"


class TestDisabled:
    def test_wraps_nothing(self, site: Site) -> None:
        application = site.app.wsgi_app
        assert telemetry.wrap_wsgi(application) is application

    def test_imports_nothing(self) -> None:
        script = "import sys, tintype.web, tintype.application; sys.exit('opentelemetry' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0

    def test_logs_a_missing_dependency(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in [name for name in sys.modules if name.startswith(("opentelemetry", "tintype.telemetry.otlp"))]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "opentelemetry", None)
        with capture_logs() as lines:
            telemetry.start_tracing("http://127.0.0.1:9")()
        assert lines[0]["event"] == "traces_disabled"
        assert "tintype[traces]" in lines[0]["hint"]


class TestSteps:
    def test_failed_step_is_measured(self) -> None:
        with pytest.raises(errors.TargetDenied), timed_step("lookup"):
            raise errors.TargetDenied
        text = telemetry.expose()[0].decode()
        assert value(text, "tintype_capture_phase_seconds_count", phase="lookup") == 1
