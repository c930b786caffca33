"""The workers of ``tintype serve``: granian's, made by forking, so what is imported here is imported once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import wait
from multiprocessing.synchronize import Semaphore
from typing import Any
from wsgiref.types import WSGIApplication

import click
import structlog
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from tintype import __version__, application
from tintype.settings import Settings
from tintype.web import create_app

log = structlog.get_logger("tintype.serve")

_START_TIMEOUT = 60.0
ORPHAN_GRACE_SECONDS = 30
"""Seconds a worker without a parent may take for answers under way."""
_LOG_CONFIG: dict[str, Any] = {"handlers": {}, "formatters": {}, "loggers": {"_granian": {"propagate": True}}}


def serve(settings: Settings, address: tuple[str, int], workers: int, threads: int) -> None:
    """Serve until told to end; raises ConfigurationError."""
    application.build_application(settings).close()  # mistakes that only show now are told once, not by each worker
    host, port = address
    server = Granian(
        "tintype",
        interface=Interfaces.WSGI,
        address=host,
        port=port,
        workers=workers,
        blocking_threads=threads,
        respawn_failed_workers=True,
        workers_kill_timeout=int(settings.timeout) + 15,
        log_dictconfig=_LOG_CONFIG,
        log_level=LogLevels.error,  # what is below comments on our own choice of threads
        websockets=False,
    )
    news = StartupNotice(settings.engines, host, port, workers, multiprocessing.Semaphore(1))
    server.serve(target_loader=partial(load_application, news, threads), wrap_loader=False)


@dataclass(frozen=True, slots=True)
class StartupNotice:
    """That the service listens: told once, by the first worker that does."""

    engines: tuple[str, ...]
    address: str
    port: int
    workers: int
    pending: Semaphore

    def announce_once(self) -> bool:
        """Wait until connections are taken, then say so unless another worker has; whether it was said."""
        deadline = time.monotonic() + _START_TIMEOUT
        while not self._is_listening() and time.monotonic() < deadline:
            time.sleep(0.02)
        if not self.pending.acquire(block=False):
            return False
        shown = f"[{self.address}]" if ":" in self.address else self.address
        url = f"http://{shown}:{self.port}"
        if sys.stderr.isatty():
            click.echo(f"Tintype {__version__} listens on {click.style(url, bold=True)}", err=True)
            click.echo(f"Try {url}/thumb?url=https://example.com   (Ctrl-C ends)", err=True)
        else:
            log.info("server_listening", url=url, version=__version__, workers=self.workers, engines=self.engines)
        return True

    def _is_listening(self) -> bool:
        try:
            socket.create_connection((self.address, self.port), 1).close()
        except OSError:
            return False
        return True


def load_application(notice: StartupNotice, threads: int) -> WSGIApplication:
    """The WSGI application of one worker; its browser starts while nobody waits for it yet."""
    for end in (signal.SIGTERM, signal.SIGINT):
        signal.signal(end, signal.SIG_DFL)  # until granian listens for them: what the parent left here does nothing
    parts = application.from_environment(threads=threads)

    def warm_up() -> None:
        if notice.announce_once():
            parts.service.readiness()  # starts what is not running, and logs what does not work

    threading.Thread(target=warm_up, name="tintype-warm-up", daemon=True).start()
    threading.Thread(target=_exit_with_parent, name="tintype-parent", daemon=True).start()
    return create_app(parts)


def _exit_with_parent() -> None:
    """A worker whose parent was killed would hold the port for ever."""
    if parent := multiprocessing.parent_process():
        wait([parent.sentinel])
        for _ in range(ORPHAN_GRACE_SECONDS):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)  # one that is just starting has not heard it
        os.kill(os.getpid(), signal.SIGKILL)
