"""``tintype serve``: runs the service under granian, and starts the capture daemon in advance."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click
import structlog

from tintype import backends, logs
from tintype.commands import ExitCode
from tintype.commands.help_page import DocumentedCommand
from tintype.cores import available_cores
from tintype.errors import ConfigurationError
from tintype.settings import Settings

log = structlog.get_logger("tintype.serve")


@click.command(
    "serve",
    cls=DocumentedCommand,
    examples=(
        "tintype serve",
        "tintype serve --host 0.0.0.0 --port 8000",
        "TINTYPE_API_KEYS=web:a-long-random-key TINTYPE_ALLOW_ADDRESSES=10.1.0.0/16:443 tintype serve",
    ),
    exit_codes=(ExitCode.USAGE_ERROR,),
)
@click.option("--host", help="Address to listen on. [HOST]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0: a free port. [PORT]")
@click.option("--workers", type=click.IntRange(0, 64), help="Worker processes; 0: one per CPU core. [TINTYPE_WORKERS]")
@click.option("--threads", type=click.IntRange(1, 512), help="Threads per worker. [TINTYPE_THREADS]")
def command(*, host: str | None, port: int | None, workers: int | None, threads: int | None) -> None:
    """Run the service until SIGTERM or Ctrl-C.

    Requests in progress are finished first. The flags override the settings in brackets. Cache and stored objects are
    in ./data, or in TINTYPE_DATA_DIR. The page at / tries every option.
    """
    settings = Settings.load()
    logs.configure(settings.log_level, settings.log_format)
    warn_about_forgeable_addresses(settings)
    workers = (settings.workers if workers is None else workers) or available_cores()
    address = free_address(settings.host if host is None else host, settings.port if port is None else port)
    backends.claim_run_folder(settings)  # before the daemon, which replaces the socket of another machine
    with capture_daemon(settings):
        # imported while the browser starts: importing Flask and granian takes as long as that
        from tintype.commands import worker  # noqa: PLC0415

        given = settings if threads is None else settings.model_copy(update={"threads": threads})
        worker.serve(settings, address, workers, given.thread_count)


def warn_about_forgeable_addresses(settings: Settings) -> None:
    """Log a warning if a client could forge its address through a proxy that passes names with underscores.

    granian reports ``X_Forwarded_For`` and ``X-Forwarded-For`` under one name (PEP 3333), and the last one wins.
    """
    header = settings.client_address_header
    if settings.trusted_proxies and "-" in header:
        log.warning(
            "client_address_forgeable",
            header=header,
            unless=f"the proxy removes {header.replace('-', '_')}, as nginx does and deploy/Caddyfile configures",
            remedy="otherwise set TINTYPE_CLIENT_ADDRESS_HEADER=Forwarded, and let the proxy send that",
        )


@contextmanager
def capture_daemon(settings: Settings) -> Iterator[None]:
    """Start the local capture daemon in the background; stop it at the end unless another client uses it."""
    # until granian handles SIGTERM: the default action would leave the daemon running
    signal.signal(signal.SIGTERM, _exit_on_sigterm)
    starter = backends.local_daemon_launcher(settings)
    if starter:
        starter.start_in_background()
    try:
        yield
    finally:
        daemon = backends.local_daemon_client(settings)
        if starter and daemon:
            starter.cancel()
            daemon.stop_if_idle()


def _exit_on_sigterm(*_: object) -> NoReturn:
    raise SystemExit(0)


def free_address(host: str, port: int) -> tuple[str, int]:
    """The numeric address and port to listen on; raises ConfigurationError if that is not possible.

    granian sets SO_REUSEPORT, so a second service on the same port would silently receive half of the requests.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise ConfigurationError(
            f"HOST: {host!r} is not an address of this machine; use an IP address of it, or 0.0.0.0 for all"
        ) from error
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            raise ConfigurationError(f"HOST, PORT: cannot listen on {host}:{port}: {error.strerror}") from error
        bound = probe.getsockname()
    return str(bound[0]), int(bound[1])
