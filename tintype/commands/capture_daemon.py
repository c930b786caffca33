"""``tintype capture-daemon``: Chromium behind a socket, for a machine or container that does nothing else."""

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
    """Take pictures for other machines or containers until SIGTERM; captures under way are finished first.

    They name it in TINTYPE_ENGINE and have the same TINTYPE_ENGINE_SECRET, without which only loopback is listened on.
    It needs no other secret: give it only the settings about captures and targets. What is said is not encrypted, so
    keep it on a private network.
    """
    settings = Settings.load()
    config = replace(
        backends.daemon_config(settings), idle_timeout=math.inf, drain_timeout=backends.capture_wait_timeout(settings)
    )
    sys.exit(daemon.main([listen, config.to_json()], settings.engine_secret))
