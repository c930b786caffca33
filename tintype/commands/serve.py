"""``tintype serve``: the service under granian, with the browser warm before the first request."""

from __future__ import annotations

import os
import socket
import sys
import threading
from typing import Any
from wsgiref.types import WSGIApplication

import click
import structlog
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from tintype import __version__, assembly, logs
from tintype.errors import ConfigurationError
from tintype.settings import Settings
from tintype.web import create_app

log = structlog.get_logger("tintype.serve")

TARGET = "tintype.commands.serve:application"
_THROUGH_OUR_LOG: dict[str, Any] = {"handlers": {}, "formatters": {}, "loggers": {"_granian": {"propagate": True}}}


@click.command("serve")
@click.option("--host", help="Address to listen on. [HOST]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one. [PORT]")
@click.option("--workers", type=click.IntRange(0, 64), help="Worker processes; 0: one per core. [TINTYPE_WORKERS]")
@click.option("--threads", type=click.IntRange(1, 512), help="Threads per worker. [TINTYPE_THREADS]")
def command(*, host: str | None, port: int | None, workers: int | None, threads: int | None) -> None:
    """Run the service until SIGTERM or Ctrl-C; answers under way are finished first."""
    settings = Settings.load()
    logs.configure(settings.log_level, settings.log_format)
    workers = (settings.workers if workers is None else workers) or os.cpu_count() or 1
    address, port = free_address(settings.host if host is None else host, settings.port if port is None else port)
    assembly.assemble(settings).close()  # mistakes that only show now are told once, not by each worker
    server = Granian(
        TARGET,
        factory=True,
        interface=Interfaces.WSGI,
        address=address,
        port=port,
        workers=workers,
        blocking_threads=settings.threads if threads is None else threads,
        respawn_failed_workers=True,
        workers_kill_timeout=int(settings.timeout) + 15,
        log_dictconfig=_THROUGH_OUR_LOG,
        log_level=LogLevels.error,  # what is below comments on our own choice of threads
        websockets=False,
    )
    server.on_startup(lambda: _announce(settings, address, port, workers))
    server.serve()


def application() -> WSGIApplication:
    """The WSGI application of one worker; its browser starts while nobody waits for it yet."""
    parts = assembly.from_environment()
    threading.Thread(target=parts.service.readiness, name="tintype-warm-up", daemon=True).start()
    return create_app(parts)


def free_address(host: str, port: int) -> tuple[str, int]:
    """Where to listen, as numbers; raises ConfigurationError when that is not possible.

    granian shares ports (SO_REUSEPORT), so a second service on the same one would silently take half the requests.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise ConfigurationError(f"HOST: {host!r} is no address of this machine") from error
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            raise ConfigurationError(f"HOST, PORT: cannot listen on {host}:{port}: {error.strerror}") from error
        bound = probe.getsockname()
    return str(bound[0]), int(bound[1])


def _announce(settings: Settings, address: str, port: int, workers: int) -> None:
    shown = f"[{address}]" if ":" in address else address
    url = f"http://{shown}:{port}"
    if sys.stderr.isatty():
        click.echo(f"Tintype {__version__} listens on {click.style(url, bold=True)}", err=True)
        click.echo(f"Try {url}/thumb?url=https://example.com   (Ctrl-C ends)", err=True)
        return
    log.info("listening", url=url, version=__version__, workers=workers, engines=list(settings.engines))
