"""The granian server of ``tintype serve``: forks workers, which build the WSGI application."""

from __future__ import annotations

import multiprocessing
import socket
import sys
import threading
import time
from dataclasses import dataclass
from functools import partial
from multiprocessing.synchronize import Semaphore
from typing import Any
from wsgiref.types import WSGIApplication

import click
import structlog
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from tintype import __version__, application, backends
from tintype.commands.granian_hits import send_hits_directly
from tintype.commands.worker_process import WorkerProcess, kill_workers_on_second_interrupt
from tintype.job_components import check_jobs
from tintype.settings import Settings
from tintype.web import create_app
from tintype.web.connections import MAX_CONNECTIONS
from tintype.web.fast_path import FastPath
from tintype.web.request_body import MAX_SENDERS
from tintype.web.sending import MAX_STREAMS

log = structlog.get_logger("tintype.serve")

MAX_HEAD = 96 << 10
"""Bytes of a request head, a query string of 64 KB among them, and of a response in the server's buffer. A longer head
is answered with 431, a URL of more than 65,534 bytes with 414, more than 100 fields with 431."""
HEAD_TIMEOUT = 30.0
"""Seconds in which the head of a request must arrive, after the last response or since the connection was opened.
HTTP/2 is disabled: a connection would carry 200 requests, and proxies use HTTP/1.1."""
_START_TIMEOUT = 60.0
_LOG_CONFIG: dict[str, Any] = {"handlers": {}, "formatters": {}, "loggers": {"_granian": {"propagate": True}}}


def serve(settings: Settings, address: tuple[str, int], workers: int, threads: int) -> None:
    """Run granian until SIGTERM or SIGINT; raises ConfigurationError."""
    check_jobs(settings)
    application.build_application(settings).close()  # reports invalid settings once, instead of once for each worker
    host, port = address
    server = Granian(
        "tintype",
        interface=Interfaces.WSGI,
        address=host,
        port=port,
        workers=workers,
        blocking_threads=threads + MAX_SENDERS + MAX_STREAMS,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=int(HEAD_TIMEOUT * 1000), max_buffer_size=MAX_HEAD, pipeline_flush=False
        ),
        backpressure=MAX_CONNECTIONS,
        respawn_failed_workers=True,
        workers_kill_timeout=int(settings.timeout) + 15,
        log_dictconfig=_LOG_CONFIG,
        log_level=LogLevels.error,  # below are warnings about the number of threads
        websockets=False,
    )
    first = multiprocessing.Semaphore(1)
    notice = StartupNotice(settings.engines, host, port, workers, first, settings.playground)
    server.on_startup(lambda: kill_workers_on_second_interrupt(server))
    server.serve(target_loader=partial(load_application, notice, settings, threads), wrap_loader=False)


@dataclass(frozen=True, slots=True)
class StartupNotice:
    """Announces that the service is listening: once, by the first worker."""

    engines: tuple[str, ...]
    address: str
    port: int
    workers: int
    pending: Semaphore
    playground: bool = True
    """Whether the service has a page at ``/``."""

    def announce_once(self) -> bool:
        """Wait until the port accepts connections, then announce it; False if another worker already has."""
        deadline = time.monotonic() + _START_TIMEOUT
        while not self._is_listening() and time.monotonic() < deadline:
            time.sleep(0.02)
        if not self.pending.acquire(block=False):
            return False
        host = f"[{self.address}]" if ":" in self.address else self.address
        url = f"http://{host}:{self.port}"
        if sys.stderr.isatty():
            click.echo(f"Tintype {__version__} is listening on {click.style(url, bold=True)}", err=True)
            click.echo(self._next_step(url), err=True)
        else:
            log.info("server_listening", url=url, version=__version__, workers=self.workers, engines=self.engines)
        return True

    def _next_step(self, url: str) -> str:
        page = f"Open {click.style(f'{url}/', bold=True)} in a browser.\n" if self.playground else ""
        return f"{page}A thumbnail: {url}/thumb?url=https://example.com\nCtrl-C stops the service."

    def _is_listening(self) -> bool:
        try:
            socket.create_connection((self.address, self.port), 1).close()
        except OSError:
            return False
        return True


def load_application(notice: StartupNotice, settings: Settings, threads: int) -> WSGIApplication:
    """Build the WSGI application of one worker, and start its browser in the background."""
    worker = WorkerProcess(stop_daemon=lambda: _stop_daemon(settings))
    worker.supervise()
    parts = application.from_environment(threads=threads, workers=notice.workers)
    worker.close = parts.close

    def warm_up() -> None:
        if notice.announce_once():
            parts.service.readiness()  # starts the browser and logs failed checks

    threading.Thread(target=warm_up, name="tintype-warm-up", daemon=True).start()
    app = create_app(parts)
    if isinstance(app.wsgi_app, FastPath):  # with traces it is in a wrapper, which records a span of each request
        send_hits_directly(app.wsgi_app)
    return app


def _stop_daemon(settings: Settings) -> bool:
    """Stop the capture daemon that the parent started, if no other client uses it; True if there is none to stop."""
    daemon = backends.local_daemon_client(settings)
    return daemon is None or daemon.stop_if_idle()
