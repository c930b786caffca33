"""Test server of the hosted screenshot API, with faults on demand.

Images have one colour: dark if ``dark_mode`` is on, else light.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
import uuid
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

KEY = "sk_live_" + "0123456789abcdef" * 3
RANGES = {
    "width": (320, 3840),
    "height": (240, 2160),
    "quality": (1, 100),
    "delay": (0, 10_000),
    "scroll_y": (0, 100_000),
}
BLOCKS = {"block_ads", "block_trackers", "block_cookie_banners", "block_chats"}
SWITCHES = {"full_page", "retina", "dark_mode", "cache", *BLOCKS}
CHOICES = {
    "format": {"png", "jpeg", "webp"},
    "wait_until": {"load", "domcontentloaded", "networkidle"},
    "device": {"iPhone 14", "iPhone 14 Pro", "iPad Pro", "Desktop 1440p"},
}
DEVICES = {"iPhone 14": (390, 844, 3), "iPhone 14 Pro": (393, 852, 3), "iPad Pro": (1024, 1366, 2)}
TEXTS = {"url", "wait_for", "css", "js", "click", "hide_selectors", "user_agent"}
LIGHT, DARK = (250, 240, 230), (20, 20, 30)


@dataclass
class RecordedRequest:
    """A received request."""

    method: str
    path: str
    headers: dict[str, str]
    options: dict[str, Any] = field(default_factory=dict)


class SnapSharpServer(ThreadingHTTPServer):
    """Listens on a free loopback port inside a ``with`` block.

    ``fault`` names a method ``fail_…`` of :class:`Handler`; ``headers`` are added to every response.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.fault = ""
        self.headers: dict[str, str] = {}
        self.requests: list[RecordedRequest] = []
        self.connections = 0
        self.stopping = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def get_request(self) -> Any:
        self.connections += 1
        return super().get_request()

    def handle_error(self, *_: object) -> None:
        """Ignore clients that close their connection."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: SnapSharpServer

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.serve(parts.path, dict(parse_qsl(parts.query)))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.serve(urlsplit(self.path).path, json.loads(body))

    def serve(self, path: str, options: dict[str, Any]) -> None:
        self.server.requests.append(RecordedRequest(self.command, self.path, dict(self.headers), options))
        if self.server.fault:
            fault: Callable[[], None] = getattr(self, f"fail_{self.server.fault}")
            fault()
        elif path == "/health":
            self.respond(200, b'{"status":"ok","version":"1.0.0","uptime":1.5}', "application/json")
        elif path == "/v1/screenshot":
            self.screenshot(options)
        else:
            self.reject(404, "not_found", "no such route")

    def screenshot(self, options: dict[str, Any]) -> None:
        keys = {self.headers.get("Authorization", "").removeprefix("Bearer "), self.headers.get("X-API-Key")}
        if KEY not in keys:
            self.reject(401, "unauthorized", "Invalid API key")
        elif error := find_error(options):
            self.reject(400, "validation_error", error)
        elif urlsplit(options["url"]).hostname in {"127.0.0.1", "localhost", "10.0.0.1"}:
            self.reject(400, "validation_error", f"URL {options['url']} points to a private address")
        else:
            self.respond(
                200, screenshot(options), "image/png", {"X-Cache": "MISS", "Cache-Control": "private, no-cache"}
            )

    def reject(self, status: int, error: str, message: str, more: dict[str, Any] | None = None, **headers: str) -> None:
        members = {"error": error, "message": message, "status": status, **(more or {})}
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.respond(status, json.dumps(members).encode(), "application/json", {"Cache-Control": "no-store", **headers})

    def respond(self, status: int, body: bytes, mime: str, headers: dict[str, str] | None = None) -> None:
        self.begin(status, len(body), mime, headers)
        self.wfile.write(body)

    def begin(self, status: int, length: int, mime: str, headers: dict[str, str] | None = None) -> None:
        limits = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "59", "X-RateLimit-Reset": str(int(time.time()))}
        self.send_response(status)
        headers_sent = {
            "Content-Type": mime,
            "Content-Length": str(length),
            "X-Request-Id": str(uuid.uuid4()),
            **limits,
        }
        for name, value in {**headers_sent, **(headers or {}), **self.server.headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def fail_unauthorized(self) -> None:
        self.reject(401, "unauthorized", f"The key {KEY} is not valid")

    def fail_plan_required(self) -> None:
        self.reject(403, "plan_required", "Ad blocking needs a plan", {"required_plan": "starter"})

    def fail_rate_limited(self) -> None:
        self.reject(429, "rate_limited", "Slow down", {"retry_after": 17}, Retry_After="17")

    def fail_rate_limited_silently(self) -> None:
        self.reject(429, "rate_limited", "Slow down")

    def fail_quota_exceeded(self) -> None:
        self.reject(429, "quota_exceeded", "Monthly quota exceeded")

    def fail_timeout(self) -> None:
        self.reject(504, "timeout", "Navigation timeout of 30000 ms exceeded")

    def fail_queue_unavailable(self) -> None:
        self.reject(503, "queue_unavailable", "Try again", Retry_After="5")

    def fail_internal(self) -> None:
        self.respond(500, b"<html>Internal Server Error</html>", "text/html")

    def fail_with_a_list(self) -> None:
        self.respond(500, b"[1, 2]", "application/json")

    def fail_validation(self) -> None:
        self.reject(400, "validation_error", "colour must be a colour")

    def fail_ssrf(self) -> None:
        self.reject(400, "ssrf_blocked", "URL blocked")

    def fail_tintype_error(self) -> None:
        self.reject(502, "target-unreachable", "no such name: db.internal.example")

    def fail_redirect(self) -> None:
        self.respond(302, b"", "text/html", {"Location": f"{self.server.url}/elsewhere"})

    def fail_missing(self) -> None:
        self.respond(404, b"not here", "text/plain")

    def fail_invalid_image(self) -> None:
        self.respond(200, b"\x00\x01 not an image", "image/png")

    def fail_page(self) -> None:
        self.respond(200, b"<!doctype html><title>Welcome</title>", "text/html")

    def fail_svg(self) -> None:
        self.respond(200, b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', "image/svg+xml")

    def fail_truncated_image(self) -> None:
        whole = screenshot({"width": 1280, "height": 720})
        self.respond(200, whole[: len(whole) // 2], "image/png")

    def fail_mislabelled(self) -> None:
        self.respond(200, screenshot({}), "text/plain")

    def fail_incomplete(self) -> None:
        self.begin(200, 100_000, "image/png")
        self.wfile.write(screenshot({})[:50])
        self.close_connection = True

    def fail_reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def fail_invalid_http(self) -> None:
        self.wfile.write(b"EHLO example.com\r\n")
        self.close_connection = True

    def fail_hanging(self) -> None:
        self.server.stopping.wait(30)

    def fail_slow(self) -> None:
        self.begin(200, 100_000, "image/png")
        while not self.server.stopping.wait(0.02):
            self.wfile.write(b"\x89")

    def fail_oversized(self) -> None:
        self.begin(200, 60 << 20, "image/png")
        for _ in range(60):
            self.wfile.write(bytes(1 << 20))

    def fail_bomb(self) -> None:
        self.respond(200, flat_png(10_000, 7_000, LIGHT), "image/png")

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def find_error(options: dict[str, Any]) -> str:
    """The validation error of the API for these options, or an empty string."""
    if not str(options.get("url", "")).startswith(("http://", "https://")):
        return "url is required"
    for name, value in options.items():
        text = str(value).lower()
        low, high = RANGES.get(name, (0, 0))
        good = (
            name in TEXTS
            or (name == "clip" and isinstance(value, dict) and value.keys() == {"x", "y", "width", "height"})
            or (name in SWITCHES and text in {"true", "false"})
            or (name in CHOICES and value in CHOICES[name])
            or (name in RANGES and text.isdigit() and low <= int(text) <= high)
        )
        if not good:
            return f"{name} is not valid"
    return ""


def screenshot(options: dict[str, Any]) -> bytes:
    """The screenshot for these options."""

    def on(name: str) -> bool:
        return str(options.get(name, "false")).lower() == "true"

    width, height = int(options.get("width", 1280)), int(options.get("height", 720))
    width, height, scale = DEVICES.get(str(options.get("device")), (width, height, 2 if on("retina") else 1))
    height = 3 * height if on("full_page") else height
    return flat_png(width * scale, height * scale, DARK if on("dark_mode") else LIGHT)


def flat_png(width: int, height: int, colour: tuple[int, int, int]) -> bytes:
    """An image of one colour (PNG, 8 bit RGB)."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress((b"\0" + bytes(colour) * width) * height, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
