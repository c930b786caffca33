"""``GET /metrics``: metrics for Prometheus, and the rules of access to them."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

import structlog
from flask import Blueprint, Request, Response, request

from tintype import telemetry
from tintype.errors import NotFound, Unauthorized
from tintype.web.client_address import in_networks, parse_address, parse_networks

log = structlog.get_logger("tintype.web")

_PRIVATE_NETWORKS = parse_networks(
    (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)
_PROXY_HEADERS = (
    *("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via"),
    *("Cf-Connecting-Ip", "Fly-Client-Ip", "True-Client-Ip"),
)
"""Headers that proxies add. With one of them, the peer's address is not the client's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsAccess:
    """Access to metrics: ``private`` (direct peers on private networks), ``open`` or ``off``, or a token instead."""

    mode: str = "private"
    token: str = ""


def blueprint(access: MetricsAccess) -> Blueprint:
    """The route. Clients without access get 404."""
    routes = Blueprint("metric", __name__)

    @routes.get("/metrics")
    def metrics() -> Response:
        _check_access(request, access)
        body, media = telemetry.expose(request.headers.get("Accept", ""))
        return Response(body, content_type=media, headers={"Cache-Control": "no-store"})

    return routes


def _check_access(request: Request, access: MetricsAccess) -> None:
    """Raise Unauthorized or NotFound if the client may not read the metrics."""
    if access.token and access.mode != "off":
        if not hmac.compare_digest(
            f"Bearer {access.token}".encode(), request.headers.get("Authorization", "").encode()
        ):
            raise Unauthorized("metrics require the token from TINTYPE_METRICS_TOKEN as Authorization: Bearer")
        return
    if access.mode == "open" or (access.mode == "private" and _is_private_peer(request)):
        return
    log.info("metrics_access_denied", access=access.mode, peer=request.remote_addr, hint="see TINTYPE_METRICS")
    raise NotFound("not found")


def _is_private_peer(request: Request) -> bool:
    """Whether the request comes directly from a private network. The peer of a Unix socket has no address."""
    if any(name in request.headers for name in _PROXY_HEADERS):
        return False
    address = parse_address(request.remote_addr or "127.0.0.1")
    return address is not None and in_networks(address, _PRIVATE_NETWORKS)
