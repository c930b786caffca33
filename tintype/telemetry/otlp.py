"""OpenTelemetry spans over OTLP: request, its steps, the phases of a capture. Spans contain no target URL.

Imported only if an endpoint is configured. The SDK reads OpenTelemetry's own variables (``OTEL_SERVICE_NAME``,
``OTEL_TRACES_SAMPLER``, ``OTEL_EXPORTER_OTLP_HEADERS`` …). ``opentelemetry-instrumentation-wsgi`` is not used, because
it puts the URL of the request into the span.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tintype import __version__
from tintype.telemetry.recorder import NANOSECONDS

_UNTRACED_PATHS = {"/health", "/ready", "/metrics"}
"""Requested every few seconds by monitoring; their traces would outnumber all others."""
_EXPORT_INTERVAL_MS = 1000
"""Milliseconds between two exports; a killed worker loses the spans of that time."""
_SERVER_ERROR = 500


class OtlpTracer:
    """Creates spans and exports them to an OTLP endpoint from a background thread, in batches."""

    def __init__(self, endpoint: str) -> None:
        address = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or f"{endpoint}/v1/traces"
        self._provider = TracerProvider(resource=_resource())
        interval = None if "OTEL_BSP_SCHEDULE_DELAY" in os.environ else _EXPORT_INTERVAL_MS
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(address), schedule_delay_millis=interval))
        self._tracer = self._provider.get_tracer("tintype", __version__)
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """A span for a step. A failed one contains the error code but no message, which may contain a URL."""
        with self._tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False) as span:
            try:
                yield
            except Exception as error:
                span.set_status(Status(StatusCode.ERROR, getattr(error, "code", type(error).__name__)))
                raise

    def phases(self, phases: Mapping[str, float]) -> None:
        """Consecutive steps in seconds, of which the last has just ended."""
        at = time.time_ns() - round(sum(phases.values()) * NANOSECONDS)
        for name, seconds in phases.items():
            span = self._tracer.start_span(name, start_time=at)
            at += round(seconds * NANOSECONDS)
            span.end(end_time=at)

    def wrap_wsgi(self, application: WSGIApplication) -> WSGIApplication:
        """The application with a span for each request, in the client's trace if it sends one (W3C Trace Context)."""

        def traced(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            if environ["PATH_INFO"] in _UNTRACED_PATHS:
                return application(environ, start_response)
            context = self._propagator.extract(_carrier(environ))
            with self._tracer.start_as_current_span("request", context=context, kind=SpanKind.SERVER) as span:
                return application(environ, _recording_start_response(span, environ, start_response))

        return traced

    def close(self) -> None:
        """Export the remaining spans and stop."""
        self._provider.shutdown()


def _resource() -> Resource:
    attributes = {} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": "tintype"}
    return Resource.create({"service.version": __version__, **attributes})


def _carrier(environ: WSGIEnvironment) -> dict[str, str]:
    names = ("traceparent", "tracestate")
    return {name: environ[key] for name in names if (key := f"HTTP_{name.upper()}") in environ}


def _recording_start_response(span: Span, environ: WSGIEnvironment, start_response: StartResponse) -> StartResponse:
    """Add the response to the span, by OpenTelemetry's semantic conventions for HTTP."""

    def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
        code, fields = int(status[:3]), {name.lower(): value for name, value in headers}
        method, route = environ["REQUEST_METHOD"], environ.get("tintype.route", environ["PATH_INFO"])
        span.update_name(f"{method} {route}")
        span.set_attribute("http.request.method", method)
        span.set_attribute("http.route", route)
        span.set_attribute("http.response.status_code", code)
        for name in ("x-cache", "x-verdict", "x-request-id"):
            if name in fields:
                span.set_attribute(f"tintype.{name[2:].replace('-', '_')}", fields[name])
        if code >= _SERVER_ERROR:
            span.set_status(Status(StatusCode.ERROR))
        return start_response(status, headers, *error)

    return start
