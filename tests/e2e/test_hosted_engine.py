"""The recipe with the hosted engine: what a blank page costs, and what /ready reports without the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.support.snapsharp_server import KEY, SnapSharpServer
from tintype.application import build_application
from tintype.settings import Settings
from tintype.web import create_app

TARGET = "http://1.1.1.1/"
"""A public address, so no lookup is needed; nothing connects to it."""

Start = Callable[..., FlaskClient]


@pytest.fixture
def api() -> Iterator[SnapSharpServer]:
    with SnapSharpServer() as server:
        yield server


@pytest.fixture
def start(tmp_path: Path, api: SnapSharpServer) -> Iterator[Start]:
    with ExitStack() as stack:

        def start(**environ: str) -> FlaskClient:
            env = {"TINTYPE_DATA_DIR": str(tmp_path)}
            env |= {"SNAPSHARP_API_KEY": KEY, "SNAPSHARP_BASE_URL": api.url, **environ}
            application = build_application(Settings.load(env, env_file=None))
            stack.callback(application.close)
            return create_app(application).test_client()

        yield start


def captures(api: SnapSharpServer) -> int:
    return len([request for request in api.requests if request.options.get("url")])


@pytest.mark.parametrize(("setting", "expected"), [({}, 1), ({"TINTYPE_RETRY_BLANK": "always"}, 2)])
def test_a_blank_page_costs_one_capture_by_default(
    start: Start, api: SnapSharpServer, setting: dict[str, str], expected: int
) -> None:
    client = start(**setting)
    first, second = (client.get("/thumb", query_string={"url": TARGET, "thumb_width": width}) for width in (64, 32))
    assert (first.status_code, first.headers["X-Verdict"]) == (200, "blank"), "the images of the API have one colour"
    assert second.headers["X-Cache"] == "DERIVED"
    assert first.headers["Cache-Control"] == "public, max-age=60, stale-while-revalidate=3600"
    assert captures(api) == expected


def test_a_host_that_does_not_resolve_here_costs_no_capture(start: Start, api: SnapSharpServer) -> None:
    answer = start().get("/thumb", query_string={"url": "http://only-elsewhere.example.com/"})
    assert (answer.status_code, answer.json["error"]) == (502, "target-unreachable")
    assert captures(api) == 0


def test_ready_names_the_setting_to_check(start: Start) -> None:
    answer = start(SNAPSHARP_BASE_URL="http://127.0.0.1:9").get("/ready")
    assert answer.status_code == 503
    assert (
        answer.json["checks"]["engine"] == "the hosted API does not respond: check SNAPSHARP_BASE_URL and the network"
    )
