"""Pages that wait for work which virtual time cannot see, each with a time limit of its own; and their server.

Every page shows green when its work is done, and red when its time limit expires first.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlsplit

_PAGE = """<!doctype html><title>{name}</title><style>body{{background:#ddd}}</style><script>
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const show = (colour) => {{ document.body.style.background = colour; }};
const work = async () => {{ {work} }};
addEventListener("load", async () => {{
  await wait({after});
  const limit = wait({limit}).then(() => "#c00");
  show(await Promise.race([limit, work().then(() => "#0a0", (error) => {{ document.title = error; return "#c00"; }})]));
}});
</script>"""

WORK: dict[str, str] = {
    "dedicated worker": """
        const worker = new Worker("/worker.js"); worker.postMessage(1);
        await new Promise((done) => { worker.onmessage = done })""",
    "shared worker": """
        const worker = new SharedWorker("/shared.js"); worker.port.postMessage(1);
        await new Promise((done) => { worker.port.onmessage = done })""",
    "socket": """
        const socket = new WebSocket(`ws://${location.host}/socket?ms=700`);
        await new Promise((done) => { socket.onmessage = done })""",
    "socket with a question": """
        const socket = new WebSocket(`ws://${location.host}/socket?ms=300&answers=1`);
        await new Promise((done) => { socket.onmessage = done });
        socket.send("more"); await new Promise((done) => { socket.onmessage = done })""",
    "event stream": """
        const source = new EventSource("/events?ms=700"); await new Promise((done) => { source.onmessage = done })""",
    "body read as a stream": """
        const reader = (await fetch("/pieces?ms=700")).body.getReader();
        while (!(await reader.read()).done);""",
    "body iterated as a stream": """
        for await (const piece of (await fetch("/pieces?ms=700")).body);""",
    "database": """
        const request = (made) => new Promise((done, fail) => {
          made.onsuccess = () => done(made.result); made.onerror = fail;
        });
        const opening = indexedDB.open("x");
        opening.onupgradeneeded = () => opening.result.createObjectStore("s");
        const db = await request(opening);
        for (let i = 0; i < 60; i++) await request(db.transaction("s", "readwrite").objectStore("s").put(i, i))""",
    "cache": """
        const cache = await caches.open("x");
        for (let i = 0; i < 30; i++) { await cache.put("/" + i, new Response("x")); await cache.match("/" + i) }""",
    "cryptography": """
        const key = await crypto.subtle.importKey("raw", new Uint8Array(8), "PBKDF2", false, ["deriveBits"]);
        const how = { name: "PBKDF2", salt: new Uint8Array(8), iterations: 1500000, hash: "SHA-256" };
        await crypto.subtle.deriveBits(how, key, 256)""",
    "image bitmaps": """
        const canvas = Object.assign(document.createElement("canvas"), { width: 1500, height: 1500 });
        canvas.getContext("2d").fillRect(0, 0, 900, 900);
        for (let i = 0; i < 6; i++) {
          const blob = await new Promise((done) => canvas.toBlob(done));
          await createImageBitmap(blob);
        }""",
    "files": """
        const root = await navigator.storage.getDirectory();
        for (let i = 0; i < 3; i++) {
          const file = await (await root.getFileHandle("f" + i, { create: true })).createWritable();
          await file.write("x"); await file.close();
        }""",
    "messages between frames": """
        const frame = document.createElement("iframe");
        frame.srcdoc = "<script>onmessage = (e) => parent.postMessage(e.data, '*')</" + "script>";
        document.body.append(frame); await new Promise((done) => { frame.onload = done });
        for (let i = 0; i < 100; i++) {
          frame.contentWindow.postMessage(i, "*");
          await new Promise((done) => { window.onmessage = done });
        }""",
    "service worker": """
        const controlled = new Promise((done) => navigator.serviceWorker.addEventListener("controllerchange", done));
        await navigator.serviceWorker.register("/service-worker.js"); await controlled; await fetch("/made-up")""",
    "polling": """
        while ((await (await fetch("/job?id=" + location.search)).text()) !== "done") await wait(250)""",
}
"""Script of the work of each page."""

BUSY = {
    "Date.now()": "const begin = Date.now(); while (Date.now() - begin < 80);",
    "new Date()": "const begin = new Date(); while (new Date() - begin < 80);",
    "performance.now()": "const begin = performance.now(); while (performance.now() - begin < 80);",
}
"""Scripts that wait for a time by reading the clock."""

_SCRIPTS = {
    "/worker.js": """onmessage = () => {
        const request = new XMLHttpRequest(); request.open("GET", "/slow?ms=700", false); request.send();
        postMessage(1);
    }""",
    "/shared.js": """onconnect = ({ ports: [port] }) => {
        port.onmessage = async () => { await fetch("/slow?ms=700"); port.postMessage(1) };
    }""",
    "/service-worker.js": """
        oninstall = (event) => event.waitUntil(fetch("/slow?ms=500").then(() => skipWaiting()));
        onactivate = (event) => event.waitUntil(clients.claim());
        onfetch = (event) => event.respondWith(new Response("made up"));""",
}


class WaitingPages:
    """The server of the pages, on loopback; a context manager."""

    def __init__(self) -> None:
        self.jobs: dict[str, float] = {}
        """Time of the first request for each job."""
        self.stopping = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Handler", (_Handler,), {"site": self}))
        self._server.daemon_threads = True

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, name: str, *, after: int = 0, limit: int = 2500) -> str:
        """The page of a name in WORK or BUSY, whose work begins ``after`` ms and is over ``limit`` ms later."""
        return (
            f"http://127.0.0.1:{self.port}/page?{len(name)}&name={name.replace(' ', '+')}&after={after}&limit={limit}"
        )


class _Handler(BaseHTTPRequestHandler):
    site: WaitingPages

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        pause = int(query.get("ms", "0")) / 1000
        routes: dict[str, Callable[[], None]] = {
            "/page": lambda: self._page(query),
            "/slow": lambda: self._slow(pause),
            "/pieces": lambda: self._pieces(pause),
            "/events": lambda: self._events(pause),
            "/socket": lambda: self._socket(pause, answers="answers" in query),
            "/job": lambda: self._job(self.path),
        }
        if script := _SCRIPTS.get(parts.path):
            self._send(script, "text/javascript")
        else:
            routes.get(parts.path, lambda: self._send(""))()

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def _page(self, query: dict[str, str]) -> None:
        name = query["name"]
        work = WORK.get(name) or BUSY[name]
        self._send(_PAGE.format(name=name, work=work, after=query["after"], limit=query["limit"]))

    def _slow(self, pause: float) -> None:
        self.site.stopping.wait(pause)
        self._send("slow", "text/plain")

    def _pieces(self, pause: float) -> None:
        self._begin("text/plain")
        self.wfile.write(b"one")
        self.site.stopping.wait(pause)
        self.wfile.write(b"two")

    def _events(self, pause: float) -> None:
        self._begin("text/event-stream")
        self.site.stopping.wait(pause)
        self.wfile.write(b"data: x\n\n")
        self.site.stopping.wait(20)

    def _socket(self, pause: float, *, answers: bool) -> None:
        key = (self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()
        self.send_response(101)
        accept = base64.b64encode(hashlib.sha1(key, usedforsecurity=False).digest()).decode()
        for name, value in (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept)):
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        self.site.stopping.wait(pause)
        self.wfile.write(b"\x81\x01x")
        if answers and self.connection.recv(1024):
            self.site.stopping.wait(pause)
            self.wfile.write(b"\x81\x01y")
        self.connection.settimeout(20)
        with contextlib.suppress(OSError):
            self.connection.recv(1024)

    def _job(self, path: str) -> None:
        begun = self.site.jobs.setdefault(path, time.monotonic())
        self._send("done" if time.monotonic() - begun > 1.2 else "busy", "text/plain")

    def _begin(self, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.close_connection = True

    def _send(self, body: str, kind: str = "text/html") -> None:
        self._begin(kind)
        self.wfile.write(body.encode())
