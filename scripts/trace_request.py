"""Trace one cache miss of ``GET /thumb``: the files of tintype/ it runs, and its returns to modules of service/.

Usage: ``python -m scripts.trace_request [--list]``. Exits with status 1 if a figure is over its limit.

It starts a site, a capture daemon and the web application in this process, captures one page so that everything is
running, and then profiles the request for another page in both processes (``sys.setprofile``). A miss *returns* to a
module of ``service/`` if it calls into the module, while no function of it is on the stack, after it called another
module of ``service/``. Leaving a ``with`` block is not a call.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).parents[1]
PACKAGE = f"{ROOT / 'tintype'}{os.sep}"
MAX_FILES, MAX_RETURNS = 106, 2
"""Limits that may only fall. One file is one reason to be opened, so the files of a miss are mostly its stages."""
DAEMON_TRACE = "TRACE_REQUEST_FOLDER"
"""Environment variable of the daemon: the folder for its trace."""

_SITECUSTOMIZE = """
import os
if "TRACE_REQUEST_FOLDER" in os.environ:
    from scripts import trace_request
    trace_request.trace_on_signals()
"""


class Profile:
    """Files of tintype/ and calls into service/, in the order of the first or of each call."""

    def __init__(self) -> None:
        self.files: dict[str, None] = {}
        self.service_calls: list[str] = []

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        """Record an event of ``sys.setprofile``."""
        path = frame.f_code.co_filename
        if event != "call" or not path.startswith(PACKAGE):
            return
        name = path.removeprefix(PACKAGE)
        self.files.setdefault(name)
        if name.startswith("service/") and not _is_resumed(frame) and not _is_on_stack(path, frame.f_back):
            self.service_calls.append(name)

    def returns(self) -> Counter[str]:
        """Returns by module of service/."""
        entries = Counter(name for name, _ in groupby(self.service_calls))
        return Counter({name: count - 1 for name, count in entries.items()})


def _is_resumed(frame: FrameType) -> bool:
    """Whether a generator continues after a ``yield``."""
    return frame.f_lineno != frame.f_code.co_firstlineno


def _is_on_stack(path: str, frame: FrameType | None) -> bool:
    while frame:
        if frame.f_code.co_filename == path:
            return True
        frame = frame.f_back
    return False


def trace_on_signals() -> None:
    """In the daemon: start a profile on SIGUSR1, write its files on SIGUSR2."""
    if threading.current_thread() is not threading.main_thread():
        return
    profile = Profile()

    def start(*_: object) -> None:
        profile.files.clear()
        sys.setprofile(profile)

    def write(*_: object) -> None:
        sys.setprofile(None)
        Path(os.environ[DAEMON_TRACE], str(os.getpid())).write_text("\n".join(profile.files))

    threading.setprofile(profile)
    signal.signal(signal.SIGUSR1, start)
    signal.signal(signal.SIGUSR2, write)


def trace() -> tuple[Profile, list[str]]:
    """Profile one miss in the web process, and the files that the daemon ran meanwhile."""
    from harness.site_server import SiteServer  # noqa: PLC0415 - not in the daemon, which imports this module

    with tempfile.TemporaryDirectory() as folder, SiteServer() as site:
        Path(folder, "sitecustomize.py").write_text(_SITECUSTOMIZE)
        os.environ |= {
            "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
            DAEMON_TRACE: folder,
            "TINTYPE_DATA_DIR": folder,
            "TINTYPE_ALLOW_ADDRESSES": f"127.0.0.1:{site.port}",
            "TINTYPE_DAEMON_IDLE_TIMEOUT": "5s",
        }
        return _trace_miss(site.url, Path(folder))


def _trace_miss(url: Any, folder: Path) -> tuple[Profile, list[str]]:
    from tintype.application import from_environment  # noqa: PLC0415 - reads the environment set above
    from tintype.web import create_app  # noqa: PLC0415

    application = from_environment(log_level="error")
    client, profile = create_app(application).test_client(), Profile()
    try:
        client.get("/thumb", query_string={"url": url("/plain.html?warm")})
        daemons = _daemons(folder)
        for pid in daemons:
            os.kill(pid, signal.SIGUSR1)
        time.sleep(0.2)
        sys.setprofile(profile)
        response = client.get("/thumb", query_string={"url": url("/plain.html?miss")})
        sys.setprofile(None)
        assert response.headers["X-Cache"] == "MISS"  # noqa: S101
        for pid in daemons:
            os.kill(pid, signal.SIGUSR2)
        return profile, _read_traces(folder, daemons)
    finally:
        application.close()


def _daemons(folder: Path) -> list[int]:
    """Processes that load this module by the sitecustomize of the folder."""
    mark = f"{DAEMON_TRACE}={folder}".encode()
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        pid = int(environ.parent.name)
        try:
            is_python = b"tintype.chromium" in environ.with_name("cmdline").read_bytes()
            if pid != os.getpid() and is_python and mark in environ.read_bytes():
                found.append(pid)
        except OSError:
            continue
    return found


def _read_traces(folder: Path, pids: list[int]) -> list[str]:
    deadline = time.monotonic() + 10
    files: dict[str, None] = {}
    for pid in pids:
        while not (folder / str(pid)).exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        if (folder / str(pid)).exists():
            files |= dict.fromkeys((folder / str(pid)).read_text().split())
    return list(files)


def main() -> int:
    """Print the figures; 1 if one is over its limit."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--list", action="store_true", help="print the files in the order of their first call")
    options = arguments.parse_args()
    profile, daemon = trace()
    files = {**profile.files, **dict.fromkeys(daemon)}
    if options.list:
        print("\n".join(("web process:", *profile.files, "", "daemon:", *daemon, "")))
    worst, returns = max(profile.returns().items(), key=lambda item: item[1], default=("-", 0))
    print(f"files: {len(files)} (web process {len(profile.files)}, daemon {len(daemon)}), at most {MAX_FILES}")
    print(f"returns to a module of service/: {returns} ({worst}), at most {MAX_RETURNS}")
    return int(len(files) > MAX_FILES or returns > MAX_RETURNS)


if __name__ == "__main__":
    sys.exit(main())
