"""Two origins on loopback that remember every request with its headers, to see who was told what."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

_HTML = "text/html; charset=utf-8"
Heard = tuple[str, dict[str, str]]


class Witness:
    """A context manager. /page loads from here and from ``other``, /away leads there, /locked wants a password."""

    def __init__(self, other: str = "") -> None:
        self.other = other
        self.heard: list[Heard] = []
        """Path and headers (names in lower case) of every request."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Visit", (_Visit,), {"witness": self}))
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

    def told(self, header: str) -> dict[str, set[str]]:
        """What each path was told in a header; empty where it was not."""
        values: dict[str, set[str]] = {}
        for path, headers in self.heard:
            values.setdefault(path, set()).add(headers.get(header, ""))
        return values


class _Visit(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    witness: Witness

    def do_GET(self) -> None:
        self.witness.heard.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        answer = _ROUTES.get(self.path, _small)
        status, headers, body = answer(self.witness, self.headers.get("Authorization", ""))
        self.send_response(status)
        for name, value in {"Content-Type": _HTML, "Cache-Control": "no-store", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Tests are silent."""


Answer = tuple[int, dict[str, str], str]


def _page(witness: Witness, _: str) -> Answer:
    here, other = witness.origin, witness.other
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


def _frame(witness: Witness, _: str) -> Answer:
    return 200, {}, f"<!doctype html><img src={witness.origin}/framed.png><img src={witness.other}/from-frame.png>"


def _hop(witness: Witness, _: str) -> Answer:
    return 302, {"Location": f"{witness.other}/hopped.png"}, ""


def _away(witness: Witness, _: str) -> Answer:
    return 302, {"Location": f"{witness.other}/landing"}, ""


def _landing(witness: Witness, _: str) -> Answer:
    return 200, {}, f"<!doctype html><title>landing</title><img src={witness.origin}/landed.png>"


def _locked(_: Witness, authorization: str) -> Answer:
    if authorization == "Basic " + base64.b64encode(b"anna:s3cret").decode():
        return 200, {}, "<!doctype html><title>inside</title><p>."
    return 401, {"WWW-Authenticate": 'Basic realm="here"'}, "<!doctype html><title>outside</title><p>."


def _trap(witness: Witness, _: str) -> Answer:
    return (
        200,
        {},
        f"<!doctype html><title>trap</title><img src={witness.other}/locked><iframe src={witness.other}/locked>",
    )


def _small(_: Witness, __: str) -> Answer:
    return 200, {"Access-Control-Allow-Origin": "*"}, ""


_ROUTES: dict[str, Callable[[Witness, str], Answer]] = {
    "/page": _page,
    "/frame": _frame,
    "/hop": _hop,
    "/away": _away,
    "/landing": _landing,
    "/locked": _locked,
    "/trap": _trap,
}
