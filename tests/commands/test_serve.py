"""``tintype serve`` as an operator meets it: where it listens, what it says, how it ends."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import pytest

from tests.support import processes
from tests.support.concurrency import eventually
from tests.support.terminal import Terminal

pytestmark = pytest.mark.usefixtures("own_settings")


class Served:
    """``tintype serve`` as an operator starts it, with an engine that nobody answers for."""

    def __init__(self, *flags: str, **env: str) -> None:
        named = {"TINTYPE_ENGINE": "snapsharp", "SNAPSHARP_API_KEY": "sk", "SNAPSHARP_BASE_URL": "http://127.0.0.1:9"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tintype", "serve", *flags],
            env={**os.environ, **named, "TINTYPE_WORKERS": "1", **env},
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate(timeout=60)

    def listening(self) -> dict[str, Any]:
        """What it logs when it listens."""
        return self.logged("server_listening")

    def logged(self, event: str) -> dict[str, Any]:
        """The next line about an event."""
        assert self.process.stderr
        for line in self.process.stderr:
            if f'"{event}"' in line:
                return dict(json.loads(line))
        raise AssertionError(f"it never said {event}")

    def end(self, how: int) -> tuple[int, str]:
        self.process.send_signal(how)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said


def answers(url: str) -> int:
    port = int(url.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status
    finally:
        connection.close()


class TestServe:
    @pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
    def test_says_where_it_listens_and_ends_cleanly(self, how: int) -> None:
        with Served(PORT="0") as served:
            url = served.listening()["url"]
            assert answers(url) == 200
            code, said = served.end(how)
        assert code == 0
        assert "Traceback" not in said
        with pytest.raises(ConnectionRefusedError):
            answers(url)

    def test_flags_win_over_settings(self) -> None:
        with Served("--port", "0", "--workers", "2", "--host", "127.0.0.2", PORT="1") as served:
            said = served.listening()
            assert said["workers"] == 2
            assert said["url"].startswith("http://127.0.0.2:")
            assert said["url"] != "http://127.0.0.2:1"

    def test_a_worker_that_dies_is_replaced(self) -> None:
        with Served(PORT="0") as served:
            url = served.listening()["url"]
            assert answers(url) == 200
            (worker,) = children(served.process.pid)
            os.kill(worker, signal.SIGKILL)
            assert eventually(lambda: answers_at_all(url) and worker not in children(served.process.pid))

    @pytest.mark.browser
    def test_its_capture_daemon_ends_with_it_though_it_would_linger(self, tmp_path: Path) -> None:
        env = {"TINTYPE_ENGINE": "chromium", "TINTYPE_DATA_DIR": str(tmp_path / "data")}
        with Served(PORT="0", TINTYPE_DAEMON_IDLE_TIMEOUT="1h", **env) as served:
            assert served.logged("daemon_ready")
            started = processes.mentioning(str(tmp_path / "data"))
            served.process.terminate()
            served.process.communicate(timeout=60)
        assert eventually(lambda: processes.gone(started), within=30)

    @pytest.mark.browser
    def test_a_capture_daemon_that_is_just_starting_ends_with_it(self, tmp_path: Path) -> None:
        env = {
            "TINTYPE_ENGINE": "chromium",
            "TINTYPE_DATA_DIR": str(tmp_path / "data"),
            "TINTYPE_DAEMON_IDLE_TIMEOUT": "1h",
        }
        with Served(PORT="0", **env) as served:
            served.listening()
            served.end(signal.SIGTERM)
        assert eventually(lambda: not processes.mentioning(str(tmp_path / "data")), within=30)

    def test_workers_do_not_outlive_it(self) -> None:
        with Served(PORT="0") as served:
            url = served.listening()["url"]
            served.process.kill()
            assert eventually(lambda: not answers_at_all(url))

    def test_a_port_in_use_is_told_with_2(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken, Served(PORT=str(taken.getsockname()[1])) as served:
            _, said = served.process.communicate(timeout=30)
            assert served.process.returncode == 2
        assert "HOST, PORT: cannot listen on 127.0.0.1:" in said
        assert "Traceback" not in said

    def test_a_host_that_is_not_ours_is_told_with_2(self, tintype: Terminal) -> None:
        assert tintype("serve", "--host", "192.0.2.1") == 2
        assert "HOST, PORT: cannot listen on 192.0.2.1:8000" in tintype.err


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def answers_at_all(url: str) -> bool:
    try:
        return answers(url) == 200
    except OSError:
        return False
