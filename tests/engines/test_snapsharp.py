"""The hosted engine with a test server of its API: options, errors, retries and connections."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support.images import pixel
from tests.support.snapsharp_server import BLOCKS, DARK, KEY, LIGHT, SnapSharpServer
from tintype import errors, imaging
from tintype.engines.snapsharp import SnapSharpEngine
from tintype.model import Truncation
from tintype.options import Options, Shot


def shot(url: str = "https://example.com/", **options: Any) -> Shot:
    return Options(url=url, **options).capture_request().shot


@pytest.fixture
def api() -> Iterator[SnapSharpServer]:
    with SnapSharpServer() as server:
        yield server


@pytest.fixture
def engine(api: SnapSharpServer) -> Iterator[SnapSharpEngine]:
    engine = SnapSharpEngine(api.url, KEY, timeout=10)
    yield engine
    engine.close()


class TestCapture:
    def test_returns_the_image_of_the_api(self, engine: SnapSharpEngine) -> None:
        capture = engine.capture(shot())
        assert (capture.width, capture.height) == imaging.size(capture.body)[:2] == (1280, 720)
        assert pixel(capture.body, 5, 5) == LIGHT
        assert capture.status == 0
        assert capture.timings["hosted"] > 0

    @pytest.mark.parametrize(
        ("options", "size"),
        [
            ({"width": 800, "height": 600}, (800, 600)),
            ({"width": 800, "height": 600, "full_page": True}, (800, 1800)),
            ({"width": 800, "height": 600, "retina": True}, (1600, 1200)),
            ({"device": "iphone-14"}, (1170, 2532)),
            ({"device": "desktop-1440p"}, (2560, 1440)),
            ({"device": "macbook-air"}, (2880, 1800)),
        ],
    )
    def test_has_the_requested_size(self, engine: SnapSharpEngine, options: Any, size: tuple[int, int]) -> None:
        capture = engine.capture(shot(**options))
        assert (capture.width, capture.height) == size

    def test_translates_every_option(self, api: SnapSharpServer, engine: SnapSharpEngine) -> None:
        page = "https://example.com/a?q=a%20b&c=d#/route"
        options = {
            "dark_mode": True,
            "block_ads": False,
            "delay": 250,
            "wait_for": "#a > b",
            "wait_until": "networkidle",
        }
        capture = engine.capture(shot(page, **options, full_page=True))
        assert pixel(capture.body, 5, 5) == DARK
        assert api.requests[-1].options == {
            "url": page,
            "format": "png",
            "width": "1280",
            "height": "720",
            "full_page": "true",
            "dark_mode": "true",
            "block_ads": "false",
            "block_trackers": "true",
            "block_cookie_banners": "true",
            "block_chats": "true",
            "delay": "250",
            "wait_for": "#a > b",
            "wait_until": "networkidle",
            "cache": "false",
        }

    def test_translates_page_changes(self, api: SnapSharpServer, engine: SnapSharpEngine) -> None:
        changes = {"css": "p{}", "js": "1", "click": "#a", "hide_selectors": "a, b", "user_agent": "Teapot/1"}
        engine.capture(shot(**changes, clip="1,2,30,40"))
        assert api.requests[-1].method == "POST"
        assert changes.items() <= api.requests[-1].options.items()
        assert api.requests[-1].options["clip"] == {"x": 1, "y": 2, "width": 30, "height": 40}

    def test_translates_the_scroll_target(self, api: SnapSharpServer, engine: SnapSharpEngine) -> None:
        engine.capture(shot(scroll_to="1200"))
        assert api.requests[-1].options["scroll_y"] == "1200"

    def test_sends_defaults_that_the_account_could_change(self, api: SnapSharpServer, engine: SnapSharpEngine) -> None:
        engine.capture(shot())
        sent = api.requests[-1].options
        names = ("full_page", "dark_mode", *sorted(BLOCKS), "delay", "format", "cache")
        assert {name: sent[name] for name in names} == {
            "full_page": "false",
            "dark_mode": "false",
            **dict.fromkeys(BLOCKS, "true"),
            "delay": "0",
            "format": "png",
            "cache": "false",
        }

    def test_sends_devices_by_title_without_a_size(self, api: SnapSharpServer, engine: SnapSharpEngine) -> None:
        engine.capture(shot(device="iphone-14-pro"))
        sent = api.requests[-1].options
        assert sent["device"] == "iPhone 14 Pro"
        assert not {"width", "height", "retina"} & set(sent)

    def test_sends_json_if_the_url_would_be_too_long(self, api: SnapSharpServer, engine: SnapSharpEngine) -> None:
        engine.capture(shot("https://example.com/?q=" + "%C3%A4" * 300))
        engine.capture(shot("https://example.com/?q=" + "%C3%A4" * 400, full_page=True))
        short, long = api.requests
        assert (short.method, long.method) == ("GET", "POST")
        assert len(short.path) < 4000
        assert long.options["full_page"] is True
        assert long.options["width"] == 1280
        assert long.options["url"].endswith("%C3%A4")

    def test_sends_the_key_as_a_bearer_token(self, api: SnapSharpServer, engine: SnapSharpEngine) -> None:
        engine.capture(shot())
        assert api.requests[-1].headers["Authorization"] == f"Bearer {KEY}"
        assert KEY not in api.requests[-1].path

    def test_needs_no_key_if_the_node_needs_none(self, api: SnapSharpServer) -> None:
        engine = SnapSharpEngine(api.url, "", timeout=5)
        with pytest.raises(errors.BackendUnavailable):
            engine.capture(shot())
        assert "Authorization" not in api.requests[-1].headers
        engine.close()

    def test_reads_the_headers_of_a_tintype_node(self, api: SnapSharpServer, engine: SnapSharpEngine) -> None:
        api.headers = {"X-Target-Status": "404", "X-Capture": "partial, truncated", "X-Verdict": "challenge"}
        capture = engine.capture(shot())
        assert (capture.status, capture.partial, capture.truncated) == (404, True, Truncation.ENGINE)
        assert capture.verdict == "challenge"
        api.headers = {"X-Target-Status": "many", "X-Verdict": "splendid"}
        capture = engine.capture(shot())
        assert (capture.status, capture.verdict) == (0, "ok")

    def test_ignores_a_wrong_content_type(self, api: SnapSharpServer, engine: SnapSharpEngine) -> None:
        api.fault = "mislabelled"
        assert engine.capture(shot()).width == 1280

    def test_accepts_a_base_url_with_a_path_and_a_slash(self, api: SnapSharpServer) -> None:
        engine = SnapSharpEngine(f"{api.url}/prefix/", KEY, timeout=5)
        with pytest.raises(errors.EngineError):
            engine.capture(shot())
        assert api.requests[-1].path.startswith("/prefix/v1/screenshot?")
        engine.close()


class TestUnsupportedOptions:
    @pytest.mark.parametrize(
        ("options", "parameter"),
        [
            ({"selector": "#main"}, "selector"),
            ({"scroll_to": "#a"}, "scroll_to"),
            ({"timezone": "UTC"}, "timezone"),
            ({"headers": {"X-A": "1"}}, "headers"),
            ({"cookies": {"a": "1"}}, "cookies"),
            ({"basic_auth": "a:b"}, "basic_auth"),
            ({"html": "<p>"}, "html"),
            ({"scale": 3}, "scale"),
            ({"scale": 1.5}, "scale"),
            ({"device": "iphone-14", "width": 500}, "width"),
            ({"device": "iphone-14", "height": 500}, "height"),
            ({"device": "iphone-14", "scale": 1}, "scale"),
        ],
    )
    def test_rejects_an_unsupported_option_by_name(
        self, api: SnapSharpServer, engine: SnapSharpEngine, options: Any, parameter: str
    ) -> None:
        with pytest.raises(errors.UnsupportedOption, match="hosted engine") as rejection:
            engine.capture(shot(**options))
        assert [invalid.parameter for invalid in rejection.value.invalid_parameters] == [parameter]
        assert rejection.value.status == 400
        assert api.requests == []

    def test_names_all_unsupported_options_in_one_error(self, engine: SnapSharpEngine) -> None:
        with pytest.raises(errors.UnsupportedOption) as rejection:
            engine.capture(shot(selector="#main", scale=3))
        assert [invalid.parameter for invalid in rejection.value.invalid_parameters] == ["selector", "scale"]


class TestErrors:
    """Errors of the API and the errors that the engine raises for them."""

    @pytest.mark.parametrize(
        ("fault", "kind", "wait"),
        [
            ("unauthorized", errors.BackendUnavailable, 5),
            ("plan_required", errors.BackendUnavailable, 5),
            ("rate_limited", errors.Overloaded, 17),
            ("rate_limited_silently", errors.Overloaded, 30),
            ("quota_exceeded", errors.Overloaded, 30),
            ("timeout", errors.CaptureTimeout, 60),
            ("queue_unavailable", errors.BackendUnavailable, 5),
            ("internal", errors.BackendUnavailable, 5),
            ("with_a_list", errors.BackendUnavailable, 5),
            ("validation", errors.EngineError, 5),
            ("ssrf", errors.TargetDenied, None),
            ("tintype_error", errors.TargetUnreachable, 60),
            ("redirect", errors.EngineError, 5),
            ("missing", errors.EngineError, 5),
            ("invalid_image", errors.EngineError, 5),
            ("page", errors.EngineError, 5),
            ("svg", errors.EngineError, 5),
            ("truncated_image", errors.EngineError, 5),
            ("incomplete", errors.EngineError, 5),
            ("oversized", errors.EngineError, 5),
            ("bomb", errors.EngineError, 5),
            ("reset", errors.BackendUnavailable, 5),
            ("invalid_http", errors.BackendUnavailable, 5),
        ],
    )
    def test_maps_api_errors_to_tintype_errors(
        self, api: SnapSharpServer, engine: SnapSharpEngine, fault: str, kind: Any, wait: Any
    ) -> None:
        api.fault = fault
        with capture_logs() as logs, pytest.raises(errors.TintypeError) as failure:
            engine.capture(shot("https://example.com/?token=secret-value"))
        assert type(failure.value) is kind
        assert failure.value.retry_after == wait
        assert len(api.requests) == 1, "the client pays twice for a repeated request"
        output = f"{failure.value.problem()} {logs}"
        assert KEY not in output
        assert "secret-value" not in output
        assert "internal" not in failure.value.detail

    def test_next_capture_succeeds_after_an_error(self, api: SnapSharpServer, engine: SnapSharpEngine) -> None:
        for fault in ("incomplete", "reset", "oversized", "internal"):
            api.fault = fault
            with pytest.raises(errors.TintypeError):
                engine.capture(shot())
            api.fault = ""
            assert engine.capture(shot()).width == 1280

    @pytest.mark.parametrize("fault", ["hanging", "slow"])
    def test_times_out_if_the_api_is_slow(self, api: SnapSharpServer, fault: str) -> None:
        api.fault = fault
        engine = SnapSharpEngine(api.url, KEY, timeout=0.3)
        with pytest.raises(errors.BackendUnavailable):
            engine.capture(shot())
        engine.close()

    def test_denies_a_private_address(self, engine: SnapSharpEngine) -> None:
        with pytest.raises(errors.TargetDenied):
            engine.capture(shot("http://10.0.0.1/"))

    @pytest.mark.parametrize(
        ("header", "seconds"),
        [
            ("120", 120),
            ("0", 1),
            ("2.5", 2.5),
            ("99999999", 86_400),
            ("soon", 30),
            ("-4", 30),
            ("Wed, 21 Oct 2015 07:28:00 GMT", 1),
        ],
    )
    def test_parses_retry_after_seconds(
        self, api: SnapSharpServer, engine: SnapSharpEngine, header: str, seconds: float
    ) -> None:
        api.fault, api.headers = "rate_limited_silently", {"Retry-After": header}
        with pytest.raises(errors.Overloaded) as failure:
            engine.capture(shot())
        assert failure.value.retry_after == seconds

    def test_parses_retry_after_dates(self, api: SnapSharpServer, engine: SnapSharpEngine) -> None:
        then = datetime.now(UTC) + timedelta(minutes=10)
        api.fault, api.headers = "rate_limited_silently", {"Retry-After": format_datetime(then, usegmt=True)}
        with pytest.raises(errors.Overloaded) as failure:
            engine.capture(shot())
        assert 590 < (failure.value.retry_after or 0) <= 600

    @pytest.mark.parametrize(
        ("fault", "level", "setting"),
        [
            ("unauthorized", "error", "SNAPSHARP_API_KEY"),
            ("plan_required", "error", "SNAPSHARP_API_KEY"),
            ("redirect", "error", "SNAPSHARP_BASE_URL"),
            ("missing", "error", "SNAPSHARP_BASE_URL"),
            ("quota_exceeded", "error", ""),
            ("rate_limited", "warning", ""),
        ],
    )
    def test_logs_errors_with_level_and_setting(
        self, api: SnapSharpServer, engine: SnapSharpEngine, fault: str, level: str, setting: str
    ) -> None:
        api.fault = fault
        with capture_logs() as logs, pytest.raises(errors.TintypeError):
            engine.capture(shot())
        (line,) = logs
        assert (line["log_level"], line["setting"], line["target"]) == (level, setting, "example.com")

    def test_names_the_required_plan(self, api: SnapSharpServer, engine: SnapSharpEngine) -> None:
        api.fault = "plan_required"
        with capture_logs() as logs, pytest.raises(errors.BackendUnavailable):
            engine.capture(shot())
        assert (logs[0]["error"], logs[0]["required_plan"]) == ("plan_required", "starter")


class TestConnections:
    def test_reports_a_missing_api_as_unavailable(self) -> None:
        with socket.socket() as reserved:
            reserved.bind(("127.0.0.1", 0))
            engine = SnapSharpEngine(f"http://127.0.0.1:{reserved.getsockname()[1]}", KEY, timeout=5)
            for call in (lambda: engine.capture(shot()), engine.check):
                with capture_logs() as logs, pytest.raises(errors.BackendUnavailable):
                    call()
                assert logs[0]["setting"] == "SNAPSHARP_BASE_URL"
            engine.close()

    def test_retries_after_a_refused_connection(self, monkeypatch: pytest.MonkeyPatch) -> None:
        dial, refused = socket.create_connection, []
        with socket.socket() as late, SnapSharpServer() as api:
            late.bind(("127.0.0.1", 0))

            def dial_and_listen_after_refusal(address: Any, *rest: Any, **more: Any) -> socket.socket:
                try:
                    return dial(address, *rest, **more)
                except ConnectionRefusedError:
                    refused.append(address)
                    monkeypatch.setattr(
                        socket, "create_connection", lambda _, *a, **m: dial(("127.0.0.1", api.server_port), *a, **m)
                    )
                    raise

            monkeypatch.setattr(socket, "create_connection", dial_and_listen_after_refusal)
            engine = SnapSharpEngine(f"http://127.0.0.1:{late.getsockname()[1]}", KEY, timeout=10)
            assert engine.capture(shot()).width == 1280
            assert len(refused) == 1
            engine.close()

    def test_threads_share_connections(self, api: SnapSharpServer, engine: SnapSharpEngine) -> None:
        with ThreadPoolExecutor(8) as pool:
            captures = list(pool.map(lambda n: engine.capture(shot(width=320 + n)), range(40)))
        assert [capture.width for capture in captures] == list(range(320, 360))
        assert api.connections <= 8

    def test_forked_process_opens_new_connections(
        self, monkeypatch: pytest.MonkeyPatch, api: SnapSharpServer, engine: SnapSharpEngine
    ) -> None:
        get = engine._client().get
        assert get(f"{api.url}/health").is_success
        with monkeypatch.context() as child:
            child.setattr(os, "getpid", lambda: -1)
            engine._check_health()
            engine.close()
        assert get(f"{api.url}/health").is_success
        assert api.connections == 2

    def test_can_be_closed_twice_and_reopened(self, engine: SnapSharpEngine) -> None:
        engine.capture(shot())
        engine.close()
        engine.close()
        assert engine.capture(shot()).width == 1280

    def test_ignores_proxies_of_the_environment(self, monkeypatch: pytest.MonkeyPatch, api: SnapSharpServer) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        engine = SnapSharpEngine(api.url, KEY, timeout=5)
        assert engine.capture(shot()).width == 1280
        engine.close()


class TestHealth:
    def test_requests_health_without_the_key(self, api: SnapSharpServer, engine: SnapSharpEngine) -> None:
        engine.check()
        assert api.requests[0].path == "/health"
        assert "Authorization" not in api.requests[0].headers

    def test_verifies_the_key_once_and_without_a_capture(self, api: SnapSharpServer, engine: SnapSharpEngine) -> None:
        for _ in range(3):
            engine.check()
        assert [(one.path, one.options) for one in api.requests] == [
            ("/health", {}), ("/v1/screenshot", {}), ("/health", {}), ("/health", {})
        ]  # fmt: skip

    def test_fails_if_the_api_is_healthy_and_rejects_the_key(self, api: SnapSharpServer) -> None:
        engine = SnapSharpEngine(api.url, "sk_live_wrong", timeout=5)
        for _ in range(2):
            with pytest.raises(errors.BackendUnavailable, match="check SNAPSHARP_API_KEY"):
                engine.check()
        engine.close()

    @pytest.mark.parametrize("fault", ["internal", "redirect", "reset", "invalid_http", "missing"])
    def test_fails_if_the_api_is_unhealthy(self, api: SnapSharpServer, engine: SnapSharpEngine, fault: str) -> None:
        api.fault = fault
        with pytest.raises(errors.BackendUnavailable, match=r"^the hosted API .*: check SNAPSHARP_BASE_URL"):
            engine.check()

    def test_times_out_if_the_api_hangs(self, api: SnapSharpServer) -> None:
        api.fault = "hanging"
        engine = SnapSharpEngine(api.url, KEY, timeout=0.2)
        with pytest.raises(errors.BackendUnavailable):
            engine.check()
        engine.close()


class TestConfiguration:
    @pytest.mark.parametrize("key", ["with\nnewline", "schlüssel", "tab\tted"])
    def test_rejects_an_invalid_key_without_showing_it(self, key: str) -> None:
        with pytest.raises(errors.ConfigurationError, match="SNAPSHARP_API_KEY") as error:
            SnapSharpEngine("https://api.example.com", key, timeout=5)
        assert key not in str(error.value)

    @pytest.mark.parametrize("address", ["", "api.example.com", "ftp://x.example", "https://", "https://u:p@x.example"])
    def test_rejects_an_invalid_base_url(self, address: str) -> None:
        with pytest.raises(errors.ConfigurationError, match="SNAPSHARP_BASE_URL"):
            SnapSharpEngine(address, KEY, timeout=5)

    def test_shows_no_key_in_representations(self, engine: SnapSharpEngine) -> None:
        assert KEY not in f"{engine!r} {vars(engine)!r} {engine._client()!r} {engine._build_request({'url': 'x'})!r}"
