"""``tintype serve``: addresses, log events, errors and shutdown."""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import structlog

from harness import processes
from tests.support.concurrency import eventually
from tests.support.serve_process import ServeProcess, children, health_status, is_healthy
from tests.support.terminal import Terminal
from tintype.commands import serve
from tintype.settings import Settings

pytestmark = pytest.mark.usefixtures("own_settings")


class TestServe:
    @pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
    def test_logs_its_url_and_shuts_down_cleanly(self, how: int) -> None:
        with ServeProcess(PORT="0") as served:
            url = served.wait_listening()["url"]
            assert health_status(url) == 200
            code, output = served.end(how)
        assert code == 0
        assert "Traceback" not in output
        with pytest.raises(ConnectionRefusedError):
            health_status(url)

    def test_flags_override_settings(self) -> None:
        with ServeProcess("--port", "0", "--workers", "2", "--host", "127.0.0.2", PORT="1") as served:
            output = served.wait_listening()
            assert output["workers"] == 2
            assert output["url"].startswith("http://127.0.0.2:")
            assert output["url"] != "http://127.0.0.2:1"

    def test_restarts_a_killed_worker(self) -> None:
        with ServeProcess(PORT="0") as served:
            url = served.wait_listening()["url"]
            assert health_status(url) == 200
            (worker,) = children(served.process.pid)
            os.kill(worker, signal.SIGKILL)
            assert eventually(lambda: is_healthy(url) and worker not in children(served.process.pid))

    @pytest.mark.browser
    def test_stops_its_capture_daemon_despite_the_idle_timeout(self, tmp_path: Path) -> None:
        env = {"TINTYPE_ENGINE": "chromium", "TINTYPE_DATA_DIR": str(tmp_path / "data")}
        with ServeProcess(PORT="0", TINTYPE_DAEMON_IDLE_TIMEOUT="1h", **env) as served:
            assert served.wait_logged("daemon_ready")
            started = processes.find_by_text(str(tmp_path / "data"))
            served.process.terminate()
            served.process.communicate(timeout=60)
        assert eventually(lambda: processes.have_ended(started), within=30)

    @pytest.mark.browser
    def test_stops_a_capture_daemon_that_is_still_starting(self, tmp_path: Path) -> None:
        env = {
            "TINTYPE_ENGINE": "chromium",
            "TINTYPE_DATA_DIR": str(tmp_path / "data"),
            "TINTYPE_DAEMON_IDLE_TIMEOUT": "1h",
        }
        with ServeProcess(PORT="0", **env) as served:
            served.wait_listening()
            served.end(signal.SIGTERM)
        assert eventually(lambda: not processes.find_by_text(str(tmp_path / "data")), within=30)

    def test_workers_end_with_a_killed_parent(self) -> None:
        with ServeProcess(PORT="0") as served:
            url = served.wait_listening()["url"]
            served.process.kill()
            assert eventually(lambda: not is_healthy(url))

    def test_reports_a_used_port_and_exits_with_2(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken, ServeProcess(PORT=str(taken.getsockname()[1])) as served:
            _, output = served.process.communicate(timeout=30)
            assert served.process.returncode == 2
        assert "HOST, PORT: cannot listen on 127.0.0.1:" in output
        assert "Traceback" not in output

    def test_reports_a_foreign_host_and_exits_with_2(self, tintype: Terminal) -> None:
        assert tintype("serve", "--host", "192.0.2.1") == 2
        assert "HOST, PORT: cannot listen on 192.0.2.1:8000" in tintype.err


class TestTerminal:
    @pytest.mark.browser
    def test_greets_with_the_page_and_logs_readable_lines(self, tmp_path: Path) -> None:
        master, slave = pty.openpty()
        env = {
            **os.environ,
            "PORT": "0",
            "TINTYPE_WORKERS": "1",
            "TINTYPE_DATA_DIR": str(tmp_path / "data"),
            "COLUMNS": "100",
        }
        with subprocess.Popen([sys.executable, "-m", "tintype", "serve"], env=env, stderr=slave) as served:
            os.close(slave)
            lines = read_terminal(master, "daemon_ready", "Ctrl-C stops")
            served.terminate()
        os.close(master)
        text = "\n".join(lines)
        assert re.search(r"Tintype \S+ is listening on http://127\.0\.0\.1:\d+", text)
        assert re.search(r"Open http://127\.0\.0\.1:\d+/ in a browser\.", text)
        assert not [line for line in lines if line.startswith("{")], "the daemon logs in the format of the service"
        assert not [line for line in lines if len(line) > 100 and " " in line[15:]]


def read_terminal(terminal: int, *words: str) -> list[str]:
    """The lines that a process has written, without colours, once they contain all words."""
    output = ""
    while not all(word in output for word in words):
        output += os.read(terminal, 1 << 16).decode(errors="replace")
    return re.sub(r"\x1b\[[0-9;]*m", "", output).replace("\r", "").splitlines()


class TestForgeableAddresses:
    @pytest.mark.parametrize(
        ("environ", "warns"),
        [
            ({}, False),
            ({"TINTYPE_TRUSTED_PROXIES": "127.0.0.1"}, True),
            ({"TINTYPE_TRUSTED_PROXIES": "127.0.0.1", "TINTYPE_CLIENT_ADDRESS_HEADER": "Forwarded"}, False),
            ({"TINTYPE_TRUSTED_PROXIES": "127.0.0.1", "TINTYPE_CLIENT_ADDRESS_HEADER": "X-Real-IP"}, True),
        ],
    )
    def test_report_a_header_with_two_spellings(self, environ: dict[str, str], warns: bool) -> None:
        with structlog.testing.capture_logs() as logged:
            serve.warn_about_forgeable_addresses(Settings.load(environ, None))
        assert [event["event"] for event in logged] == ["client_address_forgeable"] * warns
