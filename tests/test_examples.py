"""The programs in examples/ and ``make demo`` run unchanged."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import types
from collections.abc import Iterator, Sequence
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from harness.node import Node, free_port
from tests.support.concurrency import async_test, eventually
from tests.support.paths import ROOT
from tests.support.webhooks import OTHER_SECRET, SECRET, delivery, has_npm_package
from tintype import imaging
from tintype.options import Options
from tintype.webhooks.sender import payload_of
from tintype.webhooks.signatures import WebhookSigner

EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def service(example: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a service that may capture the example page."""
    folder = tmp_path_factory.mktemp("service") / "data"
    # Captures of jobs have the lowest priority, so a busy machine needs long for them.
    env = {"TINTYPE_ALLOW_ADDRESSES": urlsplit(example).netloc, "TINTYPE_TIMEOUT": "300"}
    with Node(data=folder, env=env) as node:
        yield f"http://127.0.0.1:{node.port}"


def run(*command: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, env={**os.environ, **env}, capture_output=True, text=True, check=False)


CLIENT = (sys.executable, str(EXAMPLES / "client.py"))


class TestPythonClientWithoutService:
    @pytest.mark.parametrize(
        "arguments", [(), ("https://example.com",), ("https://example.com", "a"), ("a", "a.png", "x")]
    )
    def test_prints_its_usage(self, arguments: tuple[str, ...], tmp_path: Path) -> None:
        done = run(*CLIENT, *arguments, folder=tmp_path)
        assert (done.returncode, done.stderr.split(":")[0]) == (2, "usage")

    def test_reports_a_service_that_does_not_run(self, tmp_path: Path) -> None:
        done = run(*CLIENT, "https://example.com", "a.png", folder=tmp_path, TINTYPE="http://127.0.0.1:9")
        assert done.returncode == 1
        assert done.stderr.startswith("client.py: cannot reach http://127.0.0.1:9 (")
        assert "Traceback" not in done.stderr


@pytest.mark.browser
class TestPythonClient:
    CLIENT = CLIENT

    def test_saves_a_thumbnail(self, service: str, example: str, tmp_path: Path) -> None:
        done = run(*self.CLIENT, example, "page.webp", "thumb_width=320", folder=tmp_path, TINTYPE=service)
        assert done.returncode == 0, done.stderr
        assert imaging.size((tmp_path / "page.webp").read_bytes())[:2] == (320, 180)

    def test_reports_the_error(self, service: str, example: str, tmp_path: Path) -> None:
        done = run(*self.CLIENT, example, "page.webp", "width=1", folder=tmp_path, TINTYPE=service)
        assert done.returncode == 1
        assert done.stderr.startswith("client.py: width: must be a whole number from 320 to 3840 pixels")


@pytest.mark.browser
@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl_example_calls_every_route(service: str, example: str, tmp_path: Path) -> None:
    done = run(str(EXAMPLES / "curl.sh"), example, service, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert imaging.size((tmp_path / "thumbnail.webp").read_bytes())[:2] == (320, 180)
    assert imaging.size((tmp_path / "stored.webp").read_bytes())[:2] == (1280, 720)
    assert all(text in done.stdout for text in ("HIT", '"cached":', "invalid-request", '"ok":true'))


@pytest.mark.browser
class TestGuideSnippets:
    GUIDE = (ROOT / "docs" / "embedding.md").read_text()

    def snippet(self, language: str, service: str, example: str) -> str:
        """The last of that language, asking this service for the example page."""
        code = re.findall(rf"```{language}\n(.*?)```", self.GUIDE, re.DOTALL)[-1]
        ours = re.sub(r"http://127\.0\.0\.1:8000|https://thumbs\.example\.com", service, code)
        return ours.replace("https://example.com/", example).replace("https://example.com", example)

    @pytest.mark.parametrize(("language", "program"), [("python", sys.executable), ("sh", "sh")])
    def test_python_saves_a_thumbnail(
        self, service: str, example: str, tmp_path: Path, language: str, program: str
    ) -> None:
        (tmp_path / "snippet").write_text(self.snippet(language, service, example))
        done = run(program, "snippet", folder=tmp_path)
        assert done.returncode == 0, done.stderr
        assert imaging.size((tmp_path / "example.webp").read_bytes())[:2] == (320, 180)

    @pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
    def test_javascript_fetches_a_thumbnail(self, service: str, example: str, tmp_path: Path) -> None:
        (tmp_path / "snippet.mjs").write_text(self.snippet("js", service, example) + "console.log(picture.length);")
        done = run("node", "snippet.mjs", folder=tmp_path)
        assert int(done.stdout) > 1000, done.stderr

    @pytest.mark.skipif(not shutil.which("php"), reason="php is not installed")
    def test_php_builds_a_url(self, service: str, example: str, tmp_path: Path) -> None:
        (tmp_path / "snippet.php").write_text(self.snippet("php", service, example))
        output = run("php", "snippet.php", folder=tmp_path).stdout
        query = dict(parse_qsl(urlsplit(unescape(re.findall(r'src="([^"]+)"', output)[0])).query))
        assert query == {"url": example, "thumb_width": "320", "format": "auto"}


@pytest.mark.browser
class TestJobsGuide:
    GUIDE = (ROOT / "docs" / "jobs.md").read_text()

    def snippet(self, language: str, service: str, example: str) -> str:
        """The last of that language, about the example page."""
        code = re.findall(rf"```{language}\n(.*?)```", self.GUIDE, re.DOTALL)[-1]
        return code.replace("http://127.0.0.1:8000", service).replace("https://example.com/", example)

    @pytest.mark.parametrize(("language", "program"), [("python", sys.executable), ("js", "node")])
    def test_program_prints_the_stored_url(
        self, service: str, example: str, tmp_path: Path, language: str, program: str
    ) -> None:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
        script = tmp_path / ("snippet.mjs" if language == "js" else "snippet.py")
        script.write_text(self.snippet(language, service, example))
        done = run(program, str(script), folder=tmp_path)
        assert done.stdout.startswith(f"{example} {service}/stored/thumbs/"), done.stderr


@pytest.mark.browser
class TestSchedulesGuide(TestJobsGuide):
    GUIDE = (ROOT / "docs" / "schedules.md").read_text()


@pytest.mark.browser
def test_demo_succeeds_and_writes_images(tmp_path: Path) -> None:
    done = run(sys.executable, str(ROOT / "scripts/demo.py"), str(tmp_path / "demo"), folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(state in done.stdout for state in ("MISS", "HIT", "DERIVED", "cached"))
    sizes = {path.name: imaging.size(path.read_bytes())[:2] for path in (tmp_path / "demo").iterdir()}
    assert sizes["light.png"] == (1280, 720)
    assert sizes["light-320.webp"] == (320, 180)
    assert {"dark.webp", "phone.webp", "full.webp"} < set(sizes)


def signed_event(secret: str) -> tuple[str, dict[str, str]]:
    body = payload_of(delivery())
    return body, WebhookSigner([secret]).headers("", "msg_1", body, time.time())


class TestWebhookReceivers:
    """The receivers in docs/webhooks.md, with events that Tintype has signed."""

    GUIDE = (ROOT / "docs/webhooks.md").read_text()

    def snippet(self, language: str) -> str:
        return re.findall(rf"```{language}\n(.*?)```", self.GUIDE, re.DOTALL)[-1]

    @async_test
    async def test_python_accepts_an_event_once(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("TINTYPE_WEBHOOK_SECRET", SECRET)
        module = types.ModuleType("receiver")
        sys.modules["receiver"] = module  # FastAPI resolves the annotations of the module
        try:
            exec(compile(self.snippet("python"), "receiver", "exec"), module.__dict__)
        finally:
            del sys.modules["receiver"]
        events = [signed_event(SECRET)] * 2 + [signed_event(OTHER_SECRET)]
        assert await statuses_of(module.app, events) == [204, 204, 401]
        assert capsys.readouterr().out.count("job.completed") == 1

    @pytest.mark.skipif(not has_npm_package("standardwebhooks"), reason="npm package standardwebhooks not in NODE_PATH")
    def test_javascript_accepts_an_event_once(self, tmp_path: Path) -> None:
        (tmp_path / "receiver.js").write_text(self.snippet("js"))
        port, log = free_port(), tmp_path / "output.txt"
        env = {**os.environ, "TINTYPE_WEBHOOK_SECRET": SECRET, "PORT": str(port)}
        with log.open("w") as output:
            process = subprocess.Popen(["node", "receiver.js"], cwd=tmp_path, env=env, stdout=output, stderr=output)
        try:
            assert eventually(lambda: can_connect(port), within=60), log.read_text()
            url = f"http://127.0.0.1:{port}/"
            body, headers = signed_event(SECRET)
            assert [httpx.post(url, content=body, headers=headers).status_code for _ in range(2)] == [204, 204]
            body, headers = signed_event(OTHER_SECRET)
            assert httpx.post(url, content=body, headers=headers).status_code == 401
        finally:
            process.kill()
            process.wait(60)
        assert log.read_text().count("job.completed") == 1


async def statuses_of(app: Any, events: Sequence[tuple[str, dict[str, str]]]) -> list[int]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://receiver") as client:
        return [(await client.post("/tintype", content=body, headers=sent)).status_code for body, sent in events]


def can_connect(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_thumbnail_page_uses_existing_options() -> None:
    page = unescape((EXAMPLES / "embed.html").read_text())
    addresses = re.findall(r"http://127\.0\.0\.1:8000/thumb\?([^\s\"]+)", page)
    assert len(addresses) == 4
    for query in addresses:
        assert Options.model_validate(dict(parse_qsl(query, strict_parsing=True))).thumb_width


def test_example_page_loads_nothing_from_other_hosts() -> None:
    foreign = re.compile(r"(?:src|href|url\()[=\"'(]*(?:https?:)?//")
    assert [path.name for path in (EXAMPLES / "site").iterdir() if foreign.search(path.read_text())] == []
