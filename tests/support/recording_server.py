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

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


Response = tuple[int, dict[str, str], str]


def _worker(address: str) -> str:
    """A script whose worker sends a request, then a message: a capture would wait 3 s for a silent worker."""
    work = f'fetch("{address}", {{ mode: "no-cors" }}).finally(() => postMessage("done"))'
    return f"new Worker(URL.createObjectURL(new Blob([`{work}`])));"


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
          {_worker(f"{other}/worker-fetch")}
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


def _locked_embedding(server: RecordingServer, authorization: str) -> Response:
    status, headers, body = _locked(server, authorization)
    return status, headers, body + (f"<iframe src={server.other}/forging></iframe>" if status < 400 else "")


def _trap(server: RecordingServer, _: str) -> Response:
    return (
        200,
        {},
        f"<!doctype html><title>trap</title><img src={server.other}/locked><iframe src={server.other}/locked>",
    )


def _empty(_: RecordingServer, __: str) -> Response:
    return 200, {"Access-Control-Allow-Origin": "*"}, ""


def _embedding(server: RecordingServer, _: str) -> Response:
    """A page of the target with frames of both origins and an image that the other origin redirects back."""
    here, other = server.origin, server.other
    return (
        200,
        {},
        f"""<!doctype html><title>embedding</title><img src={other}/bounce><iframe src={other}/forging></iframe>
        <iframe src={here}/nesting></iframe><iframe srcdoc="<img src={here}/srcdoc.png>"></iframe>""",
    )


def _forging(server: RecordingServer, _: str) -> Response:
    """A document that tries to act at the other origin in every way: image, fetch, form, worker, frame."""
    at = server.other
    return (
        200,
        {},
        f"""<!doctype html><title>forging</title><img src={at}/forged.png><iframe src={at}/forged-frame></iframe>
        <iframe name=sink></iframe><form method=post action={at}/forged-form target=sink></form>
        <script>
          fetch("{at}/forged-fetch", {{ method: "POST", mode: "no-cors", body: "x" }});
          navigator.sendBeacon("{at}/forged-beacon", "x");
          {_worker(f"{at}/forged-worker")}
          document.forms[0].submit();
        </script>""",
    )


def _forged_frame(server: RecordingServer, _: str) -> Response:
    return 200, {}, f"<!doctype html><img src={server.origin}/forged-nested.png>"


def _nesting(server: RecordingServer, _: str) -> Response:
    return 200, {}, f"<!doctype html><img src={server.origin}/nested.png>"


def _bounce(server: RecordingServer, _: str) -> Response:
    return 302, {"Location": f"{server.other}/bounced.png"}, ""


def _to_forging(server: RecordingServer, _: str) -> Response:
    return 302, {"Location": f"{server.other}/forging"}, ""


def _to_navigating(server: RecordingServer, _: str) -> Response:
    return 302, {"Location": f"{server.other}/navigating"}, ""


def _navigating(server: RecordingServer, _: str) -> Response:
    return 200, {}, f"<!doctype html><script>location = '{server.other}/forged-page'</script>"


def _reloading(server: RecordingServer, _: str) -> Response:
    """A page that reloads once, then navigates within its origin."""
    return (
        200,
        {},
        f"""<!doctype html><script>
          if (!sessionStorage.reloaded) {{ sessionStorage.reloaded = 1; location.reload(); }}
          else location = "{server.origin}/next";
        </script>""",
    )


def _next(_: RecordingServer, __: str) -> Response:
    return 200, {}, "<!doctype html><title>next</title>"


_ROUTES: dict[str, Callable[[RecordingServer, str], Response]] = {
    "/page": _page,
    "/frame": _frame,
    "/hop": _hop,
    "/away": _away,
    "/landing": _landing,
    "/locked": _locked,
    "/locked-embedding": _locked_embedding,
    "/trap": _trap,
    "/embedding": _embedding,
    "/forging": _forging,
    "/forged-frame": _forged_frame,
    "/nesting": _nesting,
    "/bounce": _bounce,
    "/to-forging": _to_forging,
    "/to-navigating": _to_navigating,
    "/navigating": _navigating,
    "/reloading": _reloading,
    "/next": _next,
}
