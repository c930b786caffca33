"""Polls the metrics of a node over HTTP and yields the rates of each interval."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import closing
from http import HTTPStatus
from urllib.parse import urlsplit

from tintype.commands.top.rates import NodeRates, rates_between
from tintype.errors import BackendUnavailable
from tintype.telemetry.figures import NodeFigures
from tintype.telemetry.samples import Samples

_TIMEOUT = 5.0
_MAX_BYTES = 16 << 20
_MAX_HEALTH = 4096
_NOT_ALLOWED = (
    "/metrics returned 404: this machine may not read it. Set TINTYPE_METRICS or TINTYPE_METRICS_TOKEN on the node, "
    "or, behind a proxy, use the node's own address."
)


class MetricsPoller:
    """Polls ``/metrics`` of the node at a base URL."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._token = token
        self._last_reply = time.monotonic()
        self.seconds_since_reply = 0.0
        """Seconds since the last reply; 0 if the last poll was successful."""

    def poll(self, interval: float) -> Iterator[NodeRates]:
        """The rates after each interval in seconds, the last known ones while the node does not respond.

        Raises BackendUnavailable if the node does not respond to the first two polls.
        """
        earlier, rates = self._read(), None
        while True:
            time.sleep(interval)
            try:
                later = self._read()
            except BackendUnavailable:
                if rates is None:
                    raise
                self.seconds_since_reply = time.monotonic() - self._last_reply
            else:
                now = time.monotonic()
                rates = rates_between(earlier, later, now - self._last_reply)
                self._last_reply, self.seconds_since_reply, earlier = now, 0.0, later
            yield rates

    def _read(self) -> NodeFigures:
        try:
            return NodeFigures.of(Samples.parse(self._fetch()), time.time())
        except ValueError:
            problem = f"the server at {self.url} is not Tintype; pass the URL of a node: tintype top http://host:port"
            raise BackendUnavailable(problem) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise BackendUnavailable(f"cannot connect to {self.url} ({reason}); is tintype serve running?") from None

    def _fetch(self) -> str:
        status, body = self._get("metrics", _MAX_BYTES)
        if status == HTTPStatus.UNAUTHORIZED:
            raise BackendUnavailable(f"{self.url} requires a token: pass --token or set TINTYPE_METRICS_TOKEN")
        if status == HTTPStatus.NOT_FOUND and self._is_tintype():
            raise BackendUnavailable(f"{self.url}: {_NOT_ALLOWED}")
        if status == HTTPStatus.NOT_FOUND:
            raise ValueError("not Tintype")
        if status != HTTPStatus.OK:
            raise BackendUnavailable(f"{self.url}/metrics returned status {status}")
        return body.decode("utf-8", "replace")

    def _is_tintype(self) -> bool:
        """Whether ``/health``, which every client may read, is that of Tintype."""
        try:
            health = json.loads(self._get("health", _MAX_HEALTH)[1])
        except ValueError:
            return False
        return isinstance(health, dict) and health.get("service") == "tintype"

    def _get(self, name: str, limit: int) -> tuple[int, bytes]:
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        headers = {"Accept": "*/*", **({"Authorization": f"Bearer {self._token}"} if self._token else {})}
        with closing(kind(parts.hostname or "", parts.port, timeout=_TIMEOUT)) as connection:
            connection.request("GET", f"{parts.path.rstrip('/')}/{name}", headers=headers)
            response = connection.getresponse()
            return response.status, response.read(limit)
