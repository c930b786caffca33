"""Starts, stops and kills a node: the real command with a data folder and an environment."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Self

import httpx

from harness import ROOT, processes
from harness.waiting import eventually

SERVE = (sys.executable, "-m", "tintype", "serve")
WORKER = (sys.executable, "-m", "tintype", "worker")
GUNICORN = (sys.executable, "-m", "gunicorn", "-w", "4", "--timeout", "120", "tintype.web:create_app()")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Node:
    """One running service; a context manager. On exit it has ended all its processes."""

    data: Path
    env: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = SERVE
    port: int = field(default_factory=free_port)
    log: BinaryIO | None = None
    client: httpx.Client = field(default_factory=lambda: _client("http://127.0.0.1"))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()
        self._close()

    def start(self) -> None:
        """Start and wait until /health returns 200."""
        self._close()
        bind = ("-b", f"127.0.0.1:{self.port}") if self.command is GUNICORN else ()
        self.data.mkdir(parents=True, exist_ok=True)
        self.log = (self.data.parent / f"{self.data.name}.log").open("ab")
        self.process = subprocess.Popen(
            [*self.command, *bind], env=self._environment(), cwd=self.data.parent, stdout=self.log, stderr=self.log
        )
        self.client = _client(f"http://127.0.0.1:{self.port}")
        assert eventually(self._healthy, within=60), self.output()  # a crowded machine is slow

    def stop(self, signal_number: int = signal.SIGTERM) -> int:
        """Send a signal, wait until all its processes have ended, and return the exit code."""
        family = processes.find_by_text(str(self.data))
        self.process.send_signal(signal_number)
        code = self.process.wait(90)  # requests in progress are finished first; slow machines need time
        self._close()
        assert eventually(lambda: processes.have_ended(family), within=30), self.output()
        return code

    def kill(self) -> None:
        """Kill all its processes, as when a machine fails: requests are not finished, locks not released."""
        family = dict.fromkeys([*processes.tree(self.process.pid), *processes.tree(self.daemon_pid())])
        for number in (signal.SIGSTOP, signal.SIGKILL):  # a worker that still ran would report the end of the daemon
            for pid in family:
                with contextlib.suppress(ProcessLookupError):  # workers end when their parent has ended
                    os.kill(pid, number)
        self.process.wait(30)
        assert eventually(lambda: processes.have_ended(family), within=30), self.output()

    def get(self, path: str, **params: str) -> httpx.Response:
        return self.client.get(path, params=params)

    def thumb(self, url: str, **options: str) -> httpx.Response:
        return self.get("/thumb", url=url, **options)

    def persist(self, url: str, **options: object) -> httpx.Response:
        return self.client.post("/persist", json={"url": url, **options})

    def output(self) -> str:
        """Its log so far."""
        return (self.data.parent / f"{self.data.name}.log").read_text(errors="replace")

    def daemon_pid(self) -> int:
        """Process id of the capture daemon."""
        pids = [p for p in processes.find_by_text(str(self.data)) if "tintype.chromium" in processes.command_line(p)]
        assert pids, self.output()
        return pids[0]

    def _close(self) -> None:
        """Close the client and the log file."""
        for resource in (self.client, self.log):
            if resource:
                resource.close()

    def _healthy(self) -> bool:
        assert self.process.poll() is None, self.output()
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()  # cheaper than HTTP while nothing listens
            return self.get("/health").status_code == 200
        except (OSError, httpx.TransportError):
            return False

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TINTYPE_", "S3_", "REDIS_"))}
        base = {
            "PORT": str(self.port),
            "TINTYPE_DATA_DIR": str(self.data),
            "TINTYPE_WORKERS": "2",
            "TINTYPE_DAEMON_IDLE_TIMEOUT": "1s",
            "TINTYPE_LIMIT_EXEMPT": "127.0.0.0/8",
            "PYTHONPATH": str(ROOT),
        }
        return {**kept, **base, **self.env}


@dataclass
class JobWorkerNode(Node):
    """A running job worker, which has no port."""

    command: tuple[str, ...] = WORKER

    def _healthy(self) -> bool:
        assert self.process.poll() is None, self.output()
        return (self.data / "run" / "job-worker").exists()


def _client(base_url: str) -> httpx.Client:
    """A client for plain HTTP: without ``verify`` it does not load all certificate authorities."""
    return httpx.Client(base_url=base_url, timeout=60, trust_env=False, verify=False)
