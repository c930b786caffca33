"""``GET /metrics``: figures for Prometheus, and for whom."""

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
"""What proxies add: whoever asks through one is not who the peer is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsAccess:
    """``private`` (peers on private networks that ask directly), ``open`` or ``off``; or the holders of a token."""

    mode: str = "private"
    token: str = ""


def blueprint(access: MetricsAccess) -> Blueprint:
    """The route; for everybody else there is no such address."""
    routes = Blueprint("metric", __name__)

    @routes.get("/metrics")
    def metrics() -> Response:
        _check_access(request, access)
        body, media = telemetry.expose(request.headers.get("Accept", ""))
        return Response(body, content_type=media, headers={"Cache-Control": "no-store"})

    return routes


def _check_access(request: Request, access: MetricsAccess) -> None:
    """Raise Unauthorized or NotFound for whom the figures are not meant."""
    if access.token and access.mode != "off":
        if not hmac.compare_digest(
            f"Bearer {access.token}".encode(), request.headers.get("Authorization", "").encode()
        ):
            raise Unauthorized("the figures are for those who send the operator's token as Authorization: Bearer")
        return
    if access.mode == "open" or (access.mode == "private" and _is_private_peer(request)):
        return
    log.info("metrics_access_denied", access=access.mode, peer=request.remote_addr, hint="see TINTYPE_METRICS")
    raise NotFound("there is no such address here")


def _is_private_peer(request: Request) -> bool:
    """Whether a peer on a private network asks for itself; a Unix socket's peer has no address."""
    if any(name in request.headers for name in _PROXY_HEADERS):
        return False
    address = parse_address(request.remote_addr or "127.0.0.1")
    return address is not None and in_networks(address, _PRIVATE_NETWORKS)
