"""Client addresses under both servers: a header counts by its own name, not by another spelling of it."""

from __future__ import annotations

import http.client

import pytest

from harness.node import GUNICORN, SERVE
from tests.e2e.conftest import StartNode

TWO_A_DAY = {
    "TINTYPE_LIMIT_EXEMPT": "",
    "TINTYPE_THUMB_LIMIT": "2 per day",
    "TINTYPE_TRUSTED_PROXIES": "127.0.0.1",
    "TINTYPE_ENGINE": "snapsharp",
    "SNAPSHARP_API_KEY": "unused",
}


def status(port: int, fields: list[tuple[str, str]]) -> int:
    """The status of an invalid request, which counts against the rate limit and captures nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest("GET", "/thumb")
    for name, value in fields:
        connection.putheader(name, value)
    connection.endheaders()
    try:
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("command", "header", "others", "prefix"),
    [
        (SERVE, "Forwarded", ("X_Forwarded_For", "X-Forwarded-For"), "for="),
        (GUNICORN, "X-Forwarded-For", ("X_Forwarded_For", "X-Forwarded_For", "Forwarded"), ""),
    ],
    ids=["granian", "gunicorn"],
)
def test_header_counts_by_its_own_name_only(
    command: tuple[str, ...], header: str, others: tuple[str, ...], prefix: str, start_node: StartNode
) -> None:
    node = start_node(command=command, env={**TWO_A_DAY, "TINTYPE_CLIENT_ADDRESS_HEADER": header})
    honest = [(header, f"{prefix}198.51.100.7")]
    assert [status(node.port, honest) for _ in range(3)] == [400, 400, 429]
    for number, other in enumerate(others):
        forged = [(other, f"203.0.113.{number}")]
        assert status(node.port, [*honest, *forged]) == status(node.port, [*forged, *honest]) == 429
    assert status(node.port, [(header, f"{prefix}198.51.100.8")]) == 400
