"""The programs in examples/ that use jobs and webhooks run unchanged, against a real service."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from harness.node import Node, free_port
from tests.support.concurrency import eventually
from tests.support.paths import ROOT
from tests.support.webhooks import SECRET

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
EXAMPLES = ROOT / "examples"
HTTP = httpx.Client(timeout=60, trust_env=False)
"""One client, because each new one reads the certificates of the system."""


def has_library() -> bool:
    """Whether Node.js and the npm package of Standard Webhooks are installed."""
    script = ["node", "-e", 'require("standardwebhooks")']
    return bool(shutil.which("node")) and subprocess.run(script, capture_output=True, check=False).returncode == 0


@contextmanager
def running(*command: str, folder: Path, log: Path, **env: str) -> Iterator[Any]:
    """A program that runs until the block ends."""
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=folder, env={**os.environ, **env}, stdout=file, stderr=file)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)


def asgi(module: str, port: int) -> tuple[str, ...]:
    return (sys.executable, "-m", "granian", "--interface", "asgi", "--port", str(port), f"{module}:app")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "program.log"


@pytest.fixture(scope="module")
def receiver_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def service(example: str, receiver_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a service that may capture the example page, and may send webhooks to the receiver."""
    env = {
        "TINTYPE_ALLOW_ADDRESSES": f"{urlsplit(example).netloc},127.0.0.1:{receiver_port}",
        "TINTYPE_WEBHOOK_SECRET": SECRET,
        "TINTYPE_TIMEOUT": "60",
        "TINTYPE_FAILURE_TTL": "1s",
    }
    with Node(data=tmp_path_factory.mktemp("service") / "data", env=env) as node:
        yield f"http://127.0.0.1:{node.port}"


def reply(method: str, url: str, **request: Any) -> httpx.Response | None:
    try:
        return HTTP.request(method, url, **request)
    except httpx.TransportError:
        return None


def started(method: str, url: str, log: Path, **request: Any) -> httpx.Response:
    """The response of a program, as soon as it accepts connections."""
    found: list[httpx.Response | None] = []
    assert eventually(lambda: found.append(reply(method, url, **request)) or found[-1], within=180), log.read_text()
    assert found[-1]
    return found[-1]


def test_fastapi_background_task_keeps_the_urls_of_thumbnails(service: str, example: str, log: Path) -> None:
    port = free_port()
    reports: list[dict[str, Any]] = []

    def has_thumbnail() -> bool:
        """Whether a new preview gets its thumbnail; a capture may fail on a machine that is overloaded."""
        created = started("POST", base, log, json=[example, "nonsense"])
        assert created.status_code == 202, log.read_text()
        preview = f"{base}/{created.json()['id']}"
        assert eventually(lambda: HTTP.get(preview).json()["status"] not in {"queued", "running"}, within=180)
        reports.append(HTTP.get(preview).json())
        return str(reports[-1]["thumbnails"].get(example)).startswith(f"{service}/stored/thumbs/")

    with running(*asgi("fastapi_background", port), folder=EXAMPLES, log=log, TINTYPE=service):
        base = f"http://127.0.0.1:{port}/previews"
        assert eventually(has_thumbnail, within=180), (reports, log.read_text())
        assert reports[-1]["status"] == "completed"


def test_celery_worker_of_django_stores_a_thumbnail(service: str, example: str, log: Path, tmp_path: Path) -> None:
    port, folder = free_port(), EXAMPLES / "django_celery"
    env = {"PREVIEWS_FOLDER": str(tmp_path / "previews"), "TINTYPE": service, "PYTHONDONTWRITEBYTECODE": "1"}
    manage = (sys.executable, "manage.py")
    reports: list[dict[str, Any]] = []
    migrated = subprocess.run(
        [*manage, "migrate", "--run-syncdb"], cwd=folder, env={**os.environ, **env}, capture_output=True, check=False
    )
    assert migrated.returncode == 0, migrated.stderr

    def has_thumbnail() -> bool:
        created = started("POST", base, log, data={"url": example})
        assert created.status_code == 202, log.read_text()
        preview = f"{base}{created.json()['id']}/"
        assert eventually(lambda: HTTP.get(preview).json()["status"] != "queued", within=180), worker_log.read_text()
        reports.append(HTTP.get(preview).json())
        return str(reports[-1]["thumbnail"]).startswith(f"{service}/stored/thumbs/")

    worker, worker_log = (sys.executable, "-m", "celery", "-A", "previews", "worker"), tmp_path / "worker.log"
    with ExitStack() as programs:
        programs.enter_context(running(*worker, "--pool", "solo", folder=folder, log=worker_log, **env))
        programs.enter_context(running(*manage, "runserver", "--noreload", str(port), folder=folder, log=log, **env))
        base = f"http://127.0.0.1:{port}/previews/"
        assert eventually(has_thumbnail, within=180), reports


@pytest.mark.parametrize(
    "program",
    [
        "webhook_receiver.py",
        pytest.param(
            "webhook_receiver.cjs",
            marks=pytest.mark.skipif(not has_library(), reason="the npm package standardwebhooks is not in NODE_PATH"),
        ),
    ],
)
def test_receiver_accepts_signed_events_only(
    program: str, service: str, example: str, receiver_port: int, log: Path
) -> None:
    command = ("node", program) if program.endswith(".cjs") else asgi("webhook_receiver", receiver_port)
    env = {"TINTYPE_WEBHOOK_SECRET": SECRET, "PORT": str(receiver_port)}
    url = f"http://127.0.0.1:{receiver_port}/tintype"
    with running(*command, folder=EXAMPLES, log=log, **env):
        forged = {"webhook-id": "msg_1", "webhook-timestamp": "1764432000", "webhook-signature": "v1,AAAA"}
        assert started("POST", url, log, content=b'{"type": "job.completed"}', headers=forged).status_code == 401
        submitted = HTTP.post(f"{service}/jobs", json={"pages": [example], "webhook": url})
        assert submitted.status_code == 202, submitted.text
        events = f"http://127.0.0.1:{receiver_port}/events"
        assert eventually(lambda: HTTP.get(events).json(), within=180), log.read_text()
        (event,) = HTTP.get(events).json()
        pages = HTTP.get(f"{submitted.json()['links']['pages']}").json()["pages"]
        assert event["data"]["id"] == submitted.json()["id"]
        assert event["type"] == ("job.completed" if pages[0]["status"] == "captured" else "job.failed")
