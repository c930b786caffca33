"""``tintype top``: live figures of a running node in the terminal, or as JSON."""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict
from urllib.parse import urlsplit

import click
from rich.console import Console
from rich.live import Live

from tintype.commands import ExitCode
from tintype.commands.help_page import DocumentedCommand
from tintype.commands.top import view
from tintype.commands.top.poller import MetricsPoller
from tintype.commands.top.rates import NodeRates
from tintype.settings import Settings

_HISTORY = 60
"""Polls that the charts are drawn from."""


@click.command(
    "top",
    cls=DocumentedCommand,
    examples=(
        "tintype top",
        "tintype top http://10.0.0.5:8000 --token a-long-random-token",
        "tintype top --once --json",
    ),
    exit_codes=(ExitCode.USAGE_ERROR, ExitCode.SERVICE_ERROR),
)
@click.argument("url", default="", metavar="[URL]")
@click.option("--once", is_flag=True, help="Print one sample and exit.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per sample.")
@click.option(
    "--interval",
    type=click.FloatRange(0.1, 3600),
    default=2.0,
    metavar="SECONDS",
    help="Seconds between updates [default: 2].",
)
@click.option("--token", default="", metavar="TOKEN", help="Metrics token; defaults to TINTYPE_METRICS_TOKEN.")
def command(*, url: str, once: bool, as_json: bool, interval: float, token: str) -> None:
    """Report what a running node does, live.

    Prints thumbnails, hit ratio, captures, queue, browser, memory and rejected requests. URL is the node's own address;
    default http://127.0.0.1:8000, or HOST and PORT from the settings. top reads /metrics of that node, so
    TINTYPE_METRICS and TINTYPE_METRICS_TOKEN must permit it. Rates cover the last interval. Press Ctrl-C to exit. If
    stdout is not a terminal, top prints one sample.
    """
    settings = Settings.load()
    node = MetricsPoller(_node_url(url, settings), token or settings.metrics_token)
    samples = node.poll(interval)
    console = Console(highlight=False)
    try:
        if once or not (as_json or console.is_terminal):
            _print_sample(next(samples), node, console, as_json=as_json)
        elif as_json:
            for rates in samples:
                _print_sample(rates, node, console, as_json=True)
        else:
            _refresh_screen(samples, node, console)
    except KeyboardInterrupt:
        return


def _print_sample(rates: NodeRates, node: MetricsPoller, console: Console, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps({"url": node.url, **asdict(rates)}) + "\n")
        sys.stdout.flush()
    else:
        console.print(view.render(rates, node.url))


def _refresh_screen(samples: Iterator[NodeRates], node: MetricsPoller, console: Console) -> None:
    history: deque[NodeRates] = deque(maxlen=_HISTORY)
    with Live(console=console, screen=True, auto_refresh=False) as live:
        for rates in samples:
            live.update(view.render(rates, node.url, list(history), node.seconds_since_reply), refresh=True)
            if not node.seconds_since_reply:
                history.append(rates)


def _node_url(url: str, settings: Settings) -> str:
    """The base URL of the node, from the argument or from HOST and PORT; raises UsageError for an invalid URL."""
    if not url:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - not to listen
        return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_valid = False
    if not is_valid:
        raise click.UsageError(f"URL must be an http:// or https:// address, not {url[:80]!r}.")
    return url.rstrip("/")
