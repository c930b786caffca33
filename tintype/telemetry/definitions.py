"""Which figures does the service tell? Each once: name, kind, labels, meaning; exposition and docs follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]

REQUEST_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 90)
"""Seconds: from a hit to the longest wait for a picture."""
CAPTURE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 12, 20, 30, 60, 90)
"""Seconds of captures and their phases."""
STORAGE_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Seconds of caches and storage."""

PHASES = {
    "lookup": "the target's host is looked up",
    "queue": "in line for a browser",
    "context": "a fresh browser context is made",
    "navigate": "until the page answers",
    "stabilize": "until the page is stable",
    "screenshot": "the screenshot is taken or the PDF is printed",
    "encode": "resized and encoded (`render` in Server-Timing)",
}
"""Phases of a capture, in order."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure by its name in the exposition; a counter's name ends in ``_total``, times are in seconds."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help_text: str
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram, without infinity."""


METRICS: tuple[Metric, ...] = (
    Metric(
        "tintype_requests_total",
        "counter",
        ("route", "status", "cache"),
        "Answers. cache is X-Cache, or none. route is a pattern; - is an address that does not exist.",
    ),
    Metric(
        "tintype_request_duration_seconds",
        "histogram",
        ("route", "cache"),
        "From the arrival of a request at the application to its answer, waiting for a capture included.",
        REQUEST_BUCKETS,
    ),
    Metric("tintype_sent_bytes_total", "counter", ("route",), "Bytes of bodies sent."),
    Metric("tintype_problems_total", "counter", ("error",), "Errors answered, by the code of the errors table."),
    Metric("tintype_requests_in_progress", "gauge", (), "Requests being answered, hits of the fast path left out."),
    Metric(
        "tintype_waiting_requests",
        "gauge",
        (),
        "Requests that wait for a picture or still send a body; each holds a thread.",
    ),
    Metric(
        "tintype_waiting_requests_limit",
        "gauge",
        (),
        "Requests that may hold a thread so; those beyond get 503 overloaded.",
    ),
    Metric(
        "tintype_captures_total",
        "counter",
        ("engine", "result"),
        "Visits of pages, background ones included. result is ok, partial or an error's code.",
    ),
    Metric(
        "tintype_capture_duration_seconds",
        "histogram",
        ("engine",),
        "One visit, its time in line included.",
        CAPTURE_BUCKETS,
    ),
    Metric(
        "tintype_capture_phase_seconds",
        "histogram",
        ("phase",),
        "Parts of a capture: " + ", ".join(PHASES) + ".",
        CAPTURE_BUCKETS,
    ),
    Metric(
        "tintype_cache_operation_seconds",
        "histogram",
        ("cache", "operation"),
        "Reads and writes of the caches for finished pictures (records) and masters.",
        STORAGE_BUCKETS,
    ),
    Metric("tintype_cache_bytes", "gauge", ("cache",), "Bytes in a cache."),
    Metric("tintype_cache_budget_bytes", "gauge", ("cache",), "Bytes that may be in a cache."),
    Metric("tintype_cache_entries", "gauge", ("cache",), "Entries in a cache."),
    Metric(
        "tintype_storage_operation_seconds", "histogram", ("operation",), "Operations of the storage.", STORAGE_BUCKETS
    ),
    Metric(
        "tintype_backend_failures_total",
        "counter",
        ("backend",),
        "Failures of storage, caches, locks (by technology) and limits. With limits down, everybody is let through.",
    ),
    Metric("tintype_capture_queue_length", "gauge", (), "Captures in line for a browser."),
    Metric("tintype_slots_busy", "gauge", (), "Captures under way."),
    Metric("tintype_slots", "gauge", (), "Captures that can be under way."),
    Metric("tintype_capture_queue_limit", "gauge", (), "Captures that may wait in line."),
    Metric("tintype_daemon_up", "gauge", (), "1 while the capture daemon answers; it is started when needed."),
    Metric("tintype_daemon_clients", "gauge", (), "Connections to the capture daemon."),
    Metric("tintype_browser_captures_total", "counter", (), "Captures begun by the daemon since it started."),
    Metric("tintype_browser_restarts_total", "counter", (), "Browsers replaced because they died or went wrong."),
    Metric("tintype_browser_recycles_total", "counter", (), "Browsers replaced because they had served their time."),
    Metric(
        "tintype_egress_denied_total",
        "counter",
        ("reason",),
        "Connections of pages the egress guard refused: policy is a non-public address, blocked is advertising,"
        " limit is a page with too many connections or bytes.",
    ),
    Metric("tintype_egress_bytes_total", "counter", (), "Bytes between pages and the world."),
    Metric("tintype_egress_connections_total", "counter", (), "Connections pages made."),
    Metric(
        "tintype_isolation_layer_active", "gauge", ("layer",), "1 while a layer of the guard holds: sandbox, enclosure."
    ),
    Metric(
        "tintype_memory_bytes",
        "gauge",
        ("process",),
        "Memory of all web workers, of the capture daemon and of all Chromium processes (anonymous, resident).",
    ),
    Metric("tintype_workers", "gauge", (), "Web worker processes."),
    Metric("tintype_disk_free_bytes", "gauge", (), "Free bytes where the data folder lies."),
    Metric("tintype_start_time_seconds", "gauge", (), "When the oldest worker began, in seconds since the epoch."),
    Metric("tintype_build_info", "gauge", ("version", "python", "browser"), "What runs; always 1."),
    Metric("tintype_series_dropped_total", "counter", (), "Counts that found no place; 0 unless something is wrong."),
)

BY_NAME = {metric.name: metric for metric in METRICS}
