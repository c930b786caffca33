"""Responses of ``/metrics`` with chosen counts, and the rates between two of them."""

from __future__ import annotations

from tintype.commands.top.rates import NodeRates, rates_between
from tintype.telemetry.figures import NodeFigures
from tintype.telemetry.samples import Samples


def exposition(**counts: float) -> str:
    """The response of ``/metrics`` with these counts."""
    defaults = {"hits": 90, "misses": 10, "errors": 2, "captures": 12, "failures": 1, "seconds": 26.0, "limited": 3}
    n = {**defaults, **counts}
    return f"""\
# TYPE tintype_requests_total counter
tintype_requests_total{{route="/thumb",status="200",cache="HIT"}} {n["hits"]}
tintype_requests_total{{route="/thumb",status="200",cache="MISS"}} {n["misses"]}
tintype_requests_total{{route="/thumb",status="429",cache="none"}} {n["errors"]}
tintype_requests_total{{route="/metrics",status="200",cache="none"}} 77
# TYPE tintype_problems_total counter
tintype_problems_total{{error="rate-limited"}} {n["limited"]}
tintype_problems_total{{error="not-found"}} 5
# TYPE tintype_captures_total counter
tintype_captures_total{{engine="chromium",result="ok"}} {n["captures"]}
tintype_captures_total{{engine="chromium",result="capture-timeout"}} {n["failures"]}
# TYPE tintype_capture_duration_seconds histogram
tintype_capture_duration_seconds_sum{{engine="chromium"}} {n["seconds"]}
# TYPE tintype_capture_queue_length gauge
tintype_capture_queue_length 4
# TYPE tintype_capture_queue_limit gauge
tintype_capture_queue_limit 12
# TYPE tintype_jobs gauge
tintype_jobs 2
# TYPE tintype_job_pages gauge
tintype_job_pages{{state="queued"}} 480
tintype_job_pages{{state="running"}} 3
# TYPE tintype_job_queue_age_seconds gauge
tintype_job_queue_age_seconds 250
# TYPE tintype_browser_restarts_total counter
tintype_browser_restarts_total 1
# TYPE tintype_daemon_up gauge
tintype_daemon_up 1
# TYPE tintype_memory_bytes gauge
tintype_memory_bytes{{process="web"}} 120e6
tintype_memory_bytes{{process="browser"}} 1.4e9
# TYPE tintype_start_time_seconds gauge
tintype_start_time_seconds 1000
# TYPE tintype_build_info gauge
tintype_build_info{{version="1.2.3",python="3.11",browser="Chromium"}} 1
"""


def rates(earlier: str, later: str, interval: float = 10.0) -> NodeRates:
    before, after = (NodeFigures.of(Samples.parse(text), now=8260.0) for text in (earlier, later))
    return rates_between(before, after, interval)
