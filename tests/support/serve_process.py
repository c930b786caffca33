"""``tintype serve`` as a child process, for tests of the command and its workers."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit


class ServeProcess:
    """``tintype serve`` with one worker and an engine that cannot be reached."""

    def __init__(self, *flags: str, **env: str) -> None:
        defaults = {
            "TINTYPE_ENGINE": "snapsharp",
            "SNAPSHARP_API_KEY": "sk",
            "SNAPSHARP_BASE_URL": "http://127.0.0.1:9",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tintype", "serve", *flags],
            env={**os.environ, **defaults, "TINTYPE_WORKERS": "1", **env},
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate(timeout=60)

    def wait_listening(self) -> dict[str, Any]:
        """Wait for the log line ``server_listening``; returns its fields."""
        return self.wait_logged("server_listening")

    def wait_logged(self, event: str) -> dict[str, Any]:
        """Wait for the next log line of an event; returns its fields."""
        assert self.process.stderr
        for line in self.process.stderr:
            if f'"{event}"' in line:
                return dict(json.loads(line))
        raise AssertionError(f"the process ended without logging {event}")

    def end(self, signal_number: int) -> tuple[int, str]:
        """Send a signal and wait; returns the exit code and the rest of stderr."""
        self.process.send_signal(signal_number)
        _, stderr = self.process.communicate(timeout=60)
        return self.process.returncode, stderr


def children(pid: int) -> list[int]:
    """Process ids of the direct children of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def get(url: str, path: str) -> str:
    """Body of a GET on a new connection, so that any worker may accept it."""
    return _fetch(url, path)[1]


def health_status(url: str) -> int:
    """Status of /health; raises OSError if nothing is listening."""
    return _fetch(url, "/health")[0]


def is_healthy(url: str) -> bool:
    """Whether the service at a URL answers /health with 200."""
    try:
        return health_status(url) == 200
    except OSError:
        return False


def _fetch(url: str, path: str) -> tuple[int, str]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace")
    finally:
        connection.close()
