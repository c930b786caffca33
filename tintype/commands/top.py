"""``tintype top``: what a running node is doing, as it happens."""

from __future__ import annotations

import http.client
import json
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from urllib.parse import urlsplit

import click
from rich.console import Console
from rich.live import Live

from tintype.commands import top_view
from tintype.errors import BackendUnavailable
from tintype.settings import Settings
from tintype.telemetry.scrape import Scrape
from tintype.telemetry.status import NodeRates, rates_between

_TIMEOUT = 5.0
_HISTORY = 60
"""Statuses for the small charts."""
_MAX_BYTES = 16 << 20
_WRONG_TOKEN, _NOT_FOUND = http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.NOT_FOUND
_NOT_ALLOWED = "it does not tell its figures to this machine: see TINTYPE_METRICS, and ask the node, not its proxy"


@click.command("top")
@click.argument("url", default="", metavar="[URL]")
@click.option("--once", is_flag=True, help="Say it once, after one interval, and end.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON each time.")
@click.option(
    "--interval",
    type=click.FloatRange(0.1, 3600),
    default=2.0,
    metavar="SECONDS",
    help="Between two looks, 2 unless given.",
)
@click.option("--token", default="", metavar="TOKEN", help="Of the metrics, if it is not TINTYPE_METRICS_TOKEN here.")
def command(*, url: str, once: bool, as_json: bool, interval: float, token: str) -> None:
    """Show what a running node is doing: requests by cache state, hit ratio, captures, line, browser, memory, refusals.

    URL is the node's own address, http://127.0.0.1:8000 unless HOST and PORT say otherwise. It is asked for /metrics,
    which TINTYPE_METRICS and TINTYPE_METRICS_TOKEN may close. Rates are those of the last interval. Ctrl-C ends; where
    there is no terminal, it is said once.
    """
    settings = Settings.load()
    node = MetricsPoller(_node_url(url, settings), token or settings.metrics_token)
    looks = node.poll(interval)
    console = Console(highlight=False)
    try:
        if once or not (as_json or console.is_terminal):
            _print_once(next(looks), node, console, as_json=as_json)
        elif as_json:
            for status in looks:
                _print_once(status, node, console, as_json=True)
        else:
            _refresh_screen(looks, node, console)
    except KeyboardInterrupt:
        return


def _print_once(status: NodeRates, node: MetricsPoller, console: Console, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps({"url": node.url, **asdict(status)}) + "\n")
        sys.stdout.flush()
    else:
        console.print(top_view.render(status, node.url))


def _refresh_screen(looks: Iterator[NodeRates], node: MetricsPoller, console: Console) -> None:
    history: deque[NodeRates] = deque(maxlen=_HISTORY)
    with Live(console=console, screen=True, auto_refresh=False) as live:
        for status in looks:
            live.update(top_view.render(status, node.url, list(history), node.seconds_since_reply), refresh=True)
            if not node.seconds_since_reply:
                history.append(status)


class MetricsPoller:
    """A node that is asked again and again."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._token = token
        self._last_reply = time.monotonic()
        self.seconds_since_reply = 0.0
        """Seconds since it answered, if it did not answer last time."""

    def poll(self, interval: float) -> Iterator[NodeRates]:
        """How it stands, once in so many seconds; raises BackendUnavailable unless it answers at first."""
        earlier = self._scrape()
        status: NodeRates | None = None
        while True:
            time.sleep(interval)
            try:
                later = self._scrape()
            except BackendUnavailable:
                if status is None:
                    raise
                self.seconds_since_reply = time.monotonic() - self._last_reply
            else:
                self._last_reply, self.seconds_since_reply = time.monotonic(), 0.0
                status, earlier = rates_between(earlier, later, time.time()), later
            yield status

    def _scrape(self) -> Scrape:
        try:
            return Scrape.parse(self._text(), time.monotonic())
        except ValueError:
            raise BackendUnavailable(f"what answers at {self.url} is no Tintype") from None
        except (OSError, http.client.HTTPException) as error:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise BackendUnavailable(f"nothing answers at {self.url} ({why}); is tintype serve running?") from None

    def _text(self) -> str:
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        headers = {"Accept": "text/plain", **({"Authorization": f"Bearer {self._token}"} if self._token else {})}
        with closing(kind(parts.hostname or "", parts.port, timeout=_TIMEOUT)) as connection:
            connection.request("GET", f"{parts.path.rstrip('/')}/metrics", headers=headers)
            answer = connection.getresponse()
            if answer.status == _WRONG_TOKEN:
                raise BackendUnavailable(f"{self.url} wants its token: --token, or TINTYPE_METRICS_TOKEN")
            if answer.status == _NOT_FOUND:
                raise BackendUnavailable(f"{self.url}: {_NOT_ALLOWED}")
            if answer.status != http.HTTPStatus.OK:
                raise BackendUnavailable(f"{self.url} answered {answer.status}")
            return answer.read(_MAX_BYTES).decode("utf-8", "replace")


def _node_url(url: str, settings: Settings) -> str:
    """Where to ask; raises UsageError for what is no address."""
    if not url:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - not to listen
        return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
    try:
        parts = urlsplit(url)
        known = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        known = False
    if not known:
        raise click.UsageError(f"URL must be an http:// or https:// address, not {url[:80]!r}.")
    return url.rstrip("/")
