"""HTTP servers on loopback that record every request, for tests of what each origin receives."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

_HTML = "text/html; charset=utf-8"
Request = tuple[str, dict[str, str]]


class RecordingServer:
    """A context manager. ``/page`` loads from this server and from ``other``, ``/away`` redirects there.

    ``/locked`` requires basic auth.
    """

    def __init__(self, other: str = "") -> None:
        self.other = other
        self.requests: list[Request] = []
        """Path and headers (names in lower case) of every request."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Handler", (_Handler,), {"recorder": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def header_values(self, header: str) -> dict[str, set[str]]:
        """Values of a header by path; an empty string for requests without it."""
        values: dict[str, set[str]] = {}
        for path, headers in self.requests:
            values.setdefault(path, set()).add(headers.get(header, ""))
        return values


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    recorder: RecordingServer

    def do_GET(self) -> None:
        self.recorder.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        respond = _ROUTES.get(self.path, _empty)
        status, headers, body = respond(self.recorder, self.headers.get("Authorization", ""))
        self.send_response(status)
        for name, value in {"Content-Type": _HTML, "Cache-Control": "no-store", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


Response = tuple[int, dict[str, str], str]


def _page(server: RecordingServer, _: str) -> Response:
    here, other = server.origin, server.other
    return (
        200,
        {"Set-Cookie": "page=1"},
        f"""<!doctype html><title>page</title><link rel=stylesheet href={other}/style.css><img src={here}/own.png>
        <img src={other}/other.png><img src={here}/hop><iframe src={other}/frame></iframe>
        <iframe src={here}/own-frame></iframe>
        <script>
          fetch("{here}/own-fetch"); fetch("{other}/other-fetch", {{ mode: "no-cors" }});
          new Worker(URL.createObjectURL(new Blob([`fetch("{other}/worker-fetch", {{ mode: "no-cors" }})`])));
        </script>""",
    )


def _frame(server: RecordingServer, _: str) -> Response:
    return 200, {}, f"<!doctype html><img src={server.origin}/framed.png><img src={server.other}/from-frame.png>"


def _hop(server: RecordingServer, _: str) -> Response:
    return 302, {"Location": f"{server.other}/hopped.png"}, ""


def _away(server: RecordingServer, _: str) -> Response:
    return 302, {"Location": f"{server.other}/landing"}, ""


def _landing(server: RecordingServer, _: str) -> Response:
    return 200, {}, f"<!doctype html><title>landing</title><img src={server.origin}/landed.png>"


def _locked(_: RecordingServer, authorization: str) -> Response:
    if authorization == "Basic " + base64.b64encode(b"anna:s3cret").decode():
        return 200, {}, "<!doctype html><title>inside</title><p>."
    return 401, {"WWW-Authenticate": 'Basic realm="here"'}, "<!doctype html><title>outside</title><p>."


def _trap(server: RecordingServer, _: str) -> Response:
    return (
        200,
        {},
        f"<!doctype html><title>trap</title><img src={server.other}/locked><iframe src={server.other}/locked>",
    )


def _empty(_: RecordingServer, __: str) -> Response:
    return 200, {"Access-Control-Allow-Origin": "*"}, ""


_ROUTES: dict[str, Callable[[RecordingServer, str], Response]] = {
    "/page": _page,
    "/frame": _frame,
    "/hop": _hop,
    "/away": _away,
    "/landing": _landing,
    "/locked": _locked,
    "/trap": _trap,
}
