"""``tintype capture-daemon``: runs the capture daemon alone, for another machine or container."""

from __future__ import annotations

import math
import sys
from dataclasses import replace

import click

from tintype import backends
from tintype.chromium.daemon import daemon
from tintype.settings import Settings


@click.command("capture-daemon")
@click.option("--listen", required=True, metavar="ADDRESS", help="unix:///path/to/socket or tcp://host:port.")
def command(*, listen: str) -> None:
    """Run the capture daemon on its own.

    It runs until SIGTERM; captures in progress are finished first. Clients set TINTYPE_ENGINE to ADDRESS and use the
    same TINTYPE_ENGINE_SECRET; without a secret the daemon listens on loopback only. It needs no other secret: set only
    the settings about captures and targets. Traffic is not encrypted, so keep it on a private network.
    """
    settings = Settings.load()
    config = replace(
        backends.daemon_config(settings), idle_timeout=math.inf, drain_timeout=backends.capture_wait_timeout(settings)
    )
    sys.exit(daemon.main([listen, config.to_json()], settings.engine_secret))
