"""Definitions of all metrics: name, type, labels, help text and histogram buckets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]

REQUEST_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 90)
"""Seconds: from a cache hit to the longest wait for a capture."""
CAPTURE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 12, 20, 30, 60, 90)
"""Seconds of captures and of their phases."""
STORAGE_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Seconds of operations on caches and storage."""
DELAY_BUCKETS = (0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60, 300, 1800, 7200, 86_400)
"""Seconds by which the run of a schedule is late; after an outage, hours."""

WEBHOOK_BUCKETS = (0.1, 0.5, 1, 5, 10, 60, 300, 1800, 3600, 21_600, 86_400)
"""Seconds from an event to its delivery: at once, or after one of eight attempts."""

PHASES = {
    "lookup": "the host of the target is resolved",
    "queue": "the capture waits for a slot",
    "context": "a new browser context is created",
    "navigate": "until the page responds",
    "stabilize": "until the page is stable",
    "screenshot": "the screenshot is taken",
    "encode": "resized and encoded (`render` in Server-Timing)",
}
"""Phases of a capture, in order."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as it is exposed to Prometheus. Counters end in ``_total``; times are in seconds."""

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
        "Responses. cache is the header X-Cache, or none. route is a URL pattern, or - for an unknown path.",
    ),
    Metric(
        "tintype_request_duration_seconds",
        "histogram",
        ("route", "cache"),
        "Time from the arrival of a request at the application to its response, including the wait for a capture.",
        REQUEST_BUCKETS,
    ),
    Metric("tintype_sent_bytes_total", "counter", ("route",), "Bytes of response bodies."),
    Metric("tintype_problems_total", "counter", ("error",), "Error responses, by error code."),
    Metric(
        "tintype_requests_in_progress",
        "gauge",
        (),
        "Requests being processed, except cache hits answered by the fast path.",
    ),
    Metric(
        "tintype_waiting_requests",
        "gauge",
        (),
        "Requests that wait for a capture. Each occupies a thread.",
    ),
    Metric(
        "tintype_waiting_requests_limit",
        "gauge",
        (),
        "Maximum of tintype_waiting_requests. Excess requests get 503 overloaded.",
    ),
    Metric(
        "tintype_connections_closed_total",
        "counter",
        ("reason",),
        "Connections of clients that a limit closed: slow-body, slow-reader, no-response, client-limit or idle.",
    ),
    Metric(
        "tintype_captures_total",
        "counter",
        ("engine", "result"),
        "Captures, background refreshes included. result is ok, partial or an error code.",
    ),
    Metric(
        "tintype_capture_duration_seconds",
        "histogram",
        ("engine",),
        "Duration of a capture, including the time in the queue.",
        CAPTURE_BUCKETS,
    ),
    Metric(
        "tintype_capture_phase_seconds",
        "histogram",
        ("phase",),
        "Duration of each phase of a capture: " + ", ".join(PHASES) + ".",
        CAPTURE_BUCKETS,
    ),
    Metric(
        "tintype_cache_operation_seconds",
        "histogram",
        ("cache", "operation"),
        "Duration of reads and writes in the caches of thumbnails (records) and of captures (masters).",
        STORAGE_BUCKETS,
    ),
    Metric(
        "tintype_cache_decode_errors_total",
        "counter",
        (),
        "Cached values that could not be decoded and counted as absent; 0 unless a cache is corrupt.",
    ),
    Metric("tintype_cache_bytes", "gauge", ("cache",), "Bytes in a cache."),
    Metric("tintype_cache_budget_bytes", "gauge", ("cache",), "Maximum bytes in a cache."),
    Metric("tintype_cache_entries", "gauge", ("cache",), "Entries in a cache."),
    Metric(
        "tintype_cache_decode_errors_total",
        "counter",
        (),
        "Cached values that could not be decoded and were treated as missing.",
    ),
    Metric(
        "tintype_storage_operation_seconds",
        "histogram",
        ("operation",),
        "Duration of storage operations.",
        STORAGE_BUCKETS,
    ),
    Metric(
        "tintype_stored_objects",
        "gauge",
        (),
        "Objects in the storage of /persist: the last measurement, and what was stored and deleted since.",
    ),
    Metric("tintype_stored_bytes", "gauge", (), "Bytes of these objects."),
    Metric("tintype_stored_quota_bytes", "gauge", (), "Maximum of tintype_stored_bytes (TINTYPE_STORED_QUOTA)."),
    Metric(
        "tintype_stored_deleted_total",
        "counter",
        ("reason",),
        "Stored objects that the service deleted. reason is operator (DELETE /stored), retention or schedule.",
    ),
    Metric(
        "tintype_backend_failures_total",
        "counter",
        ("backend",),
        "Failures of storage, locks, caches (sqlite, redis) and rate limit storage (limits) and usage (usage)."
        " While Redis fails, each machine counts for itself; without any counters all requests are allowed.",
    ),
    Metric(
        "tintype_key_requests_total",
        "counter",
        ("key",),
        "Responses to requests with an API key. key is the name of the key, of the first 100 keys, else other.",
    ),
    Metric("tintype_key_captures_total", "counter", ("key",), "Captures that requests with an API key started."),
    Metric("tintype_key_sent_bytes_total", "counter", ("key",), "Bytes of response bodies sent to an API key."),
    Metric(
        "tintype_rate_limit_evictions_total",
        "counter",
        (),
        "Clients whose count was evicted before it expired, because the table of counters was full.",
    ),
    Metric(
        "tintype_schedule_delay_seconds",
        "histogram",
        (),
        "Time from the due time of a schedule to the begin of its run.",
        DELAY_BUCKETS,
    ),
    Metric(
        "tintype_schedule_runs_total",
        "counter",
        ("result",),
        "Runs of schedules. result is failed if a page failed, else changed or unchanged.",
    ),
    Metric(
        "tintype_webhook_attempts_total",
        "counter",
        ("outcome",),
        "Attempts to deliver events. outcome is delivered, error (retried, or the last attempt), stopped (410) or lost"
        " (the result could not be stored, so the event is sent again).",
    ),
    Metric("tintype_webhook_failures_total", "counter", (), "Events that were given up after the last attempt."),
    Metric(
        "tintype_webhook_delay_seconds",
        "histogram",
        (),
        "Time from an event to the response of its receiver.",
        WEBHOOK_BUCKETS,
    ),
    Metric("tintype_webhook_pending", "gauge", (), "Events that are not delivered yet."),
    Metric(
        "tintype_webhook_queue_age_seconds",
        "gauge",
        (),
        "Time for which the oldest event that is due has waited for its attempt.",
    ),
    Metric(
        "tintype_jobs",
        "gauge",
        (),
        "Jobs that have not ended. This and the three following metrics are of the store of jobs: all nodes that share"
        " it report the same.",
    ),
    Metric("tintype_job_pages", "gauge", ("state",), "Pages of these jobs. state is queued or running."),
    Metric("tintype_job_queue_age_seconds", "gauge", (), "Age of the oldest job with queued pages; 0 without one."),
    Metric(
        "tintype_job_queue_unclaimed_seconds",
        "gauge",
        (),
        "Time since a process last looked for a page of a job, while pages are queued.",
    ),
    Metric(
        "tintype_job_pages_total",
        "counter",
        ("result",),
        "Pages of jobs that ended on this node. result is ok or an error code.",
    ),
    Metric(
        "tintype_job_page_retries_total",
        "counter",
        (),
        "Pages of jobs that returned to the queue because this service was busy or a backend failed.",
    ),
    Metric(
        "tintype_job_pages_lost_total",
        "counter",
        (),
        "Pages of jobs whose process ended before they did. They are captured again; the third time is a failure.",
    ),
    Metric(
        "tintype_low_priority_captures",
        "gauge",
        (),
        "Captures of jobs in the capture daemon, in its queue or in progress.",
    ),
    Metric(
        "tintype_capture_queue_length",
        "gauge",
        (),
        "Captures in the queue of the capture daemon, except those of jobs.",
    ),
    Metric("tintype_capture_queue_limit", "gauge", (), "Maximum of tintype_capture_queue_length."),
    Metric("tintype_slots_busy", "gauge", (), "Captures in progress that hold a slot."),
    Metric("tintype_slots", "gauge", (), "Maximum of tintype_slots_busy."),
    Metric(
        "tintype_slow_captures",
        "gauge",
        (),
        "Captures in progress without a slot: slow ones, and those that an idle core permits.",
    ),
    Metric("tintype_browsers", "gauge", (), "Browsers that run: one for each capture in progress, and idle ones."),
    Metric(
        "tintype_daemon_up",
        "gauge",
        (),
        "1 if the capture daemon responds. It starts on the first capture and exits when idle.",
    ),
    Metric("tintype_daemon_clients", "gauge", (), "Connections to the capture daemon."),
    Metric("tintype_browser_captures_total", "counter", (), "Captures started by the daemon since its start."),
    Metric(
        "tintype_browser_restarts_total", "counter", (), "Browsers replaced because they crashed, failed or were ended."
    ),
    Metric(
        "tintype_browser_recycles_total",
        "counter",
        (),
        "Browsers replaced because of their age, capture count, memory or CPU time.",
    ),
    Metric(
        "tintype_browser_kept_contexts",
        "gauge",
        (),
        "Browser contexts that are kept, with their HTTP cache, for the next capture of a site.",
    ),
    Metric("tintype_browser_kept_tabs", "gauge", (), "Kept browser contexts with an empty page and its renderer."),
    Metric(
        "tintype_browser_kept_context_captures_total",
        "counter",
        (),
        "Captures in a browser context that an earlier capture of the site has left, with its HTTP cache.",
    ),
    Metric(
        "tintype_browser_undisposed_contexts_total",
        "counter",
        (),
        "Browser contexts that Chromium did not dispose of after a capture.",
    ),
    Metric(
        "tintype_egress_denied_total",
        "counter",
        ("reason",),
        "Connections of captured pages that the egress proxy denied. reason is policy (non-public address),"
        " blocked (advertising) or limit (too many connections or bytes for one page).",
    ),
    Metric("tintype_egress_bytes_total", "counter", (), "Bytes between captured pages and the internet."),
    Metric("tintype_egress_connections_total", "counter", (), "Connections opened by captured pages."),
    Metric(
        "tintype_isolation_layer_active",
        "gauge",
        ("layer",),
        "1 if a layer of isolation around Chromium is active: sandbox, namespaces, folders.",
    ),
    Metric(
        "tintype_memory_bytes",
        "gauge",
        ("process",),
        "Anonymous resident memory of all web workers, of the capture daemon and of all Chromium processes.",
    ),
    Metric("tintype_workers", "gauge", (), "Web worker processes."),
    Metric("tintype_disk_free_bytes", "gauge", (), "Free bytes on the file system of the data folder."),
    Metric("tintype_start_time_seconds", "gauge", (), "Start time of the oldest worker, in seconds since the epoch."),
    Metric("tintype_build_info", "gauge", ("version", "python", "browser"), "Versions; the value is always 1."),
    Metric(
        "tintype_series_dropped_total",
        "counter",
        (),
        "Uses of series for which the metrics file had no room; 0 in normal operation.",
    ),
)

BY_NAME = {metric.name: metric for metric in METRICS}
