"""``tintype capture-daemon``: runs the capture daemon alone, for another machine or container."""

from __future__ import annotations

import math
import os
from dataclasses import replace

import click

from tintype import backends
from tintype.chromium.daemon import daemon
from tintype.chromium.process.launch import LaunchFailed
from tintype.commands import ExitCode
from tintype.commands.help_page import DocumentedCommand
from tintype.errors import BackendUnavailable, ConfigurationError
from tintype.rpc.tls import check_address
from tintype.settings import Settings


@click.command(
    "capture-daemon",
    cls=DocumentedCommand,
    examples=(
        "tintype capture-daemon --listen unix:///run/tintype/capture.sock",
        "TINTYPE_ENGINE_SECRET=a-long-random-secret tintype capture-daemon --listen tcp://127.0.0.1:9222",
    ),
    exit_codes=(ExitCode.USAGE_ERROR, ExitCode.SERVICE_ERROR),
)
@click.option("--listen", required=True, metavar="ADDRESS", help="unix:///path/to/socket or tcp://host:port.")
def command(*, listen: str) -> None:
    """Run the capture daemon on its own.

    It runs until SIGTERM; captures in progress are finished first. Clients set TINTYPE_ENGINE to ADDRESS. For tcp://
    both sides need the same TINTYPE_ENGINE_SECRET. Beyond loopback the daemon also needs TINTYPE_ENGINE_TLS_CERT and
    its key, and the clients TINTYPE_ENGINE_TLS_CA, because callers' cookies and passwords travel between them. The
    daemon needs no other secret: set only the settings about captures and targets.
    """
    check_address("--listen", listen)
    settings = Settings.load()
    security = backends.transport_security(settings)
    security.require_for_server(listen)
    config = replace(
        backends.daemon_config(settings), idle_timeout=math.inf, drain_timeout=backends.capture_wait_timeout(settings)
    )
    try:
        daemon.serve(listen, config, security)
    except LaunchFailed as error:
        raise BackendUnavailable(str(error)) from error
    except OSError as error:
        reason = f"{os.strerror(error.errno) if error.errno else error}; choose a free address of this machine"
        raise ConfigurationError(f"--listen: cannot listen on {listen}: {reason}") from error
