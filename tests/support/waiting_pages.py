"""Pages that wait for work which virtual time cannot see, each with a time limit of its own; and their server.

Every page shows green when its work is done, and red when its time limit expires first.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlencode, urlsplit

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
        const how = { name: "PBKDF2", salt: new Uint8Array(8), iterations: 400000, hash: "SHA-256" };
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

NETWORK: dict[str, str] = {
    "one request after another, to an end": """
        for (const part of "abcdefghijklmno") await fetch(`/slow?ms=300&part=${part}`)""",
    "slow request": 'await (await fetch("/slow?ms=4000")).text()',
}
"""Work that ``wait_until=networkidle`` waits for."""

UNFINISHED: dict[str, tuple[str, str]] = {
    "request without an answer": ("loading", 'await fetch("/slow?ms=60000")'),
    "answer that never ends": ("computing", 'await (await fetch("/pieces?ms=60000")).text()'),
    "request by XMLHttpRequest": (
        "loading",
        """
        const request = new XMLHttpRequest(); request.open("GET", "/slow?ms=60000"); request.send();
        await new Promise((done) => { request.onload = done })""",
    ),
    "request by POST": ("loading", 'await fetch("/slow?ms=60000", { method: "POST", body: "{}" })'),
    "one request after another": (
        "loading",
        'for (let i = 0; i < 30; i++) await fetch(`/slow?ms=400&part=${"abcdefghijklmnopqrstuvwxyzABCDEF"[i]}`)',
    ),
    "socket that connects": (
        "connecting",
        """
        const socket = new WebSocket(`ws://${location.host}/slow?ms=60000`);
        await new Promise((done) => { socket.onopen = done })""",
    ),
    "worker that computes": (
        "computing",
        """
        const worker = new Worker("/computing.js"); worker.postMessage(1);
        await new Promise((done) => { worker.onmessage = done })""",
    ),
    "worker that computes after a message": (
        "computing",
        """
        const worker = new Worker("/reporting.js"); worker.postMessage(1);
        await new Promise((done) => worker.addEventListener("message", ({ data }) => data === "done" && done()))""",
    ),
    "worker that waits for a request": (
        "computing",
        """
        const worker = new Worker("/fetching.js");
        await new Promise((done) => { worker.onmessage = done })""",
    ),
    "database without an end": (
        "computing",
        """
        const request = (made) => new Promise((done, fail) => {
          made.onsuccess = () => done(made.result); made.onerror = fail;
        });
        const opening = indexedDB.open("x");
        opening.onupgradeneeded = () => opening.result.createObjectStore("s");
        const db = await request(opening);
        for (let i = 0; ; i++) await request(db.transaction("s", "readwrite").objectStore("s").put(i, i % 10))""",
    ),
    "compilation": (
        "computing",
        'await WebAssembly.compileStreaming(fetch("/module.wasm?ms=60000"))',
    ),
    "image in view": (
        "loading",
        'document.body.innerHTML = `<img width=200 height=200 src="/slow?ms=60000">`; await wait(9000)',
    ),
    "background in view": (
        "loading",
        'document.body.style.backgroundImage = "url(/slow?ms=60000)"; await wait(9000)',
    ),
    "style sheet": (
        "loading",
        """
        document.head.insertAdjacentHTML("beforeend", `<link rel=stylesheet href="/slow?ms=60000">`);
        await wait(9000)""",
    ),
    "script file": (
        "loading",
        """
        document.head.append(Object.assign(document.createElement("script"), { src: "/slow?ms=60000" }));
        await wait(9000)""",
    ),
    "frame in view": (
        "loading",
        'document.body.innerHTML = `<iframe width=400 height=300 src="/slow?ms=60000"></iframe>`; await wait(9000)',
    ),
}
"""Work that does not end within a capture: the reason, and the script."""

OPEN_BY_NATURE: dict[str, str] = {
    "long polling": 'for (;;) await fetch("/slow?ms=200")',
    "long polling by name": 'await fetch("/poll?ms=60000")',
    "long polling since a change": 'await fetch("/slow?ms=60000&since=42")',
    "polling by XMLHttpRequest": """
        for (;;) await new Promise((done) => {
          const request = new XMLHttpRequest(); request.open("GET", "/slow?ms=100");
          request.onload = done; request.send();
        })""",
    "beacon": 'navigator.sendBeacon("/slow?ms=60000", "x")',
    "request that outlives the page": 'fetch("/slow?ms=60000", { keepalive: true })',
    "request that the page cannot read": 'fetch("/slow?ms=60000", { mode: "no-cors" })',
    "pixel": 'new Image().src = "/slow?ms=60000"',
    "silent event stream": 'new EventSource("/events?ms=60000")',
    "open socket": """
        const socket = new WebSocket(`ws://${location.host}/socket?ms=60000`);
        await new Promise((done) => { socket.onopen = done })""",
    "body read for ever": """
        const reader = (await fetch("/pieces?ms=60000")).body.getReader();
        (async () => { while (!(await reader.read()).done); })()""",
    "worker without answers": 'new Worker("/idle.js").postMessage(1)',
    "worker that has answered": """
        const worker = new Worker("/worker.js"); worker.postMessage(1);
        await new Promise((done) => { worker.onmessage = done }); worker.postMessage({ close: true })""",
    "worker with a canvas": """
        const worker = new Worker("/idle.js"); worker.onmessage = () => {};
        const canvas = document.createElement("canvas").transferControlToOffscreen();
        worker.postMessage({ canvas }, [canvas])""",
    "shared worker without answers": 'new SharedWorker("/idle.js").port.onmessage = () => {}',
    "image out of view": """
        const below = `<p style="height: 4000px">x</p><img width=9 height=9 src="/slow?ms=60000">`;
        document.body.insertAdjacentHTML("beforeend", below)""",
    "ticker": "setInterval(() => { document.title = Date.now() }, 50)",
    "feed": """
        new EventSource("/events?ms=60000"); new WebSocket(`ws://${location.host}/socket?ms=60000`);
        navigator.sendBeacon("/slow?ms=60000&beacon", "x"); fetch("/slow?ms=60000&alive", { keepalive: true });
        for (;;) await fetch("/slow?ms=200&next")""",
    "dashboard": """
        setInterval(() => fetch("/slow?ms=50&status=" + Date.now()), 200);
        new SharedWorker("/idle.js").port.start(); new EventSource("/events?ms=60000");
        for (;;) await (await fetch("/poll?ms=1200")).text()""",
    "database now and then": """
        const opening = indexedDB.open("x");
        opening.onupgradeneeded = () => opening.result.createObjectStore("s");
        await new Promise((done) => { opening.onsuccess = done });
        setInterval(() => opening.result.transaction("s", "readwrite").objectStore("s").put(1, 1), 2000)""",
}
"""Work that leaves something open or under way and does not make a page unfinished."""

BUSY = {
    "Date.now()": "const begin = Date.now(); while (Date.now() - begin < 80);",
    "new Date()": "const begin = new Date(); while (new Date() - begin < 80);",
    "performance.now()": "const begin = performance.now(); while (performance.now() - begin < 80);",
}
"""Scripts that wait for a time by reading the clock."""

_ALL = {**WORK, **NETWORK, **BUSY, **OPEN_BY_NATURE, **{name: script for name, (_, script) in UNFINISHED.items()}}

_SCRIPTS = {
    "/worker.js": """onmessage = () => {
        const request = new XMLHttpRequest(); request.open("GET", "/slow?ms=700", false); request.send();
        postMessage(1);
    }""",
    "/computing.js": "onmessage = () => { for (;;); }",
    "/reporting.js": 'onmessage = () => { postMessage("1 %"); for (;;); }',
    "/fetching.js": 'fetch("/slow?ms=60000").then(() => postMessage(1))',
    "/idle.js": "onmessage = onconnect = () => {}",
    "/shared.js": """onconnect = ({ ports: [port] }) => {
        port.onmessage = async () => { await fetch("/slow?ms=700"); port.postMessage(1) };
    }""",
    "/service-worker.js": """
        oninstall = (event) => event.waitUntil(fetch("/slow?ms=500").then(() => skipWaiting()));
        onactivate = (event) => event.waitUntil(clients.claim());
        onfetch = (event) => event.respondWith(new Response("made up"));""",
}


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that close their connection."""


class WaitingPages:
    """The server of the pages, on loopback; a context manager."""

    def __init__(self) -> None:
        self.jobs: dict[str, float] = {}
        """Time of the first request for each job."""
        self.stopping = threading.Event()
        self._server = _Server(("127.0.0.1", 0), type("_Handler", (_Handler,), {"site": self}))
        self._server.daemon_threads = True
        self._closing = socket.create_server(("127.0.0.1", 0), backlog=256)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        threading.Thread(target=self._close_connections, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._closing.shutdown(socket.SHUT_RDWR)
        self._closing.close()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, name: str, *, after: int = 0, limit: int = 2500) -> str:
        """The page of a name whose work begins ``after`` ms and is over ``limit`` ms later."""
        query = urlencode({"name": name, "after": after, "limit": limit})
        return f"http://127.0.0.1:{self.port}/page?{len(name)}&{query}"

    @property
    def closing_port(self) -> int:
        """A port at which every connection is closed without an answer."""
        return int(self._closing.getsockname()[1])

    def url_of_connections(self, count: int) -> str:
        """A page that opens connections to the closing port, and shows ``main`` when all are closed."""
        return f"http://127.0.0.1:{self.port}/connections?count={count}"

    def url_of_images(self, count: int, size: int) -> str:
        """A page of images, each with ``size`` bytes more than needed."""
        return f"http://127.0.0.1:{self.port}/images?count={count}&size={size}"

    def _close_connections(self) -> None:
        with contextlib.suppress(OSError):  # the listener is closed at the end
            while True:
                self._closing.accept()[0].close()


class _Handler(BaseHTTPRequestHandler):
    site: WaitingPages

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        pause = int(query.get("ms", "0")) / 1000
        routes: dict[str, Callable[[], None]] = {
            "/page": lambda: self._page(query),
            "/slow": lambda: self._slow(pause),
            "/poll": lambda: self._slow(pause),
            "/connections": lambda: self._connections(int(query["count"])),
            "/images": lambda: self._images(int(query["count"]), query["size"]),
            "/image": lambda: self._image(int(query["size"])),
            "/module.wasm": lambda: self._module(pause),
            "/pieces": lambda: self._pieces(pause),
            "/events": lambda: self._events(pause),
            "/socket": lambda: self._socket(pause, answers="answers" in query),
            "/job": lambda: self._job(self.path),
        }
        if script := _SCRIPTS.get(parts.path):
            self._send(script, "text/javascript")
        else:
            routes.get(parts.path, lambda: self._send(""))()

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def _page(self, query: dict[str, str]) -> None:
        name = query["name"]
        work = _ALL[name]
        self._send(_PAGE.format(name=name, work=work, after=query["after"], limit=query["limit"]))

    def _slow(self, pause: float) -> None:
        self.site.stopping.wait(pause)
        self._send("slow", "text/plain")

    def _connections(self, count: int) -> None:
        self._send(f"""<!doctype html><title>Connections</title><script>
            const requests = Array.from({{ length: {count} }}, (_, n) =>
              fetch("http://127.0.0.1:{self.site.closing_port}/" + n, {{ mode: "no-cors" }}));
            Promise.allSettled(requests).then(() => document.body.append(document.createElement("main")));
            </script><body>""")

    def _images(self, count: int, size: str) -> None:
        images = "".join(f'<img width=8 height=8 src="/image?size={size}&n={number}">' for number in range(count))
        self._send(f"<!doctype html><title>Images</title><body>{images}")

    def _image(self, size: int) -> None:
        self._begin("image/svg+xml")
        self.wfile.write(b"<svg xmlns='http://www.w3.org/2000/svg'></svg>")
        self.wfile.write(b" " * size)

    def _module(self, pause: float) -> None:
        self._begin("application/wasm")
        self.wfile.write(b"\0asm\1\0\0\0")
        self.site.stopping.wait(pause)

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
