# ruff: noqa: E501 - each attack is one line
"""Web server of hostile pages and responses on loopback, one attack each."""

from __future__ import annotations

import gzip
import http.server
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Self

HEAD = "<!doctype html><title>{name}</title><style>body{{background:#06c;color:#fff;font:40px sans-serif}}</style>"
HEALTHY = HEAD.format(name="healthy") + "<h1>All is well</h1>"

PAGES: dict[str, str] = {
    "script-loop-while-parsing": "<h1>top</h1><script>for(;;);</script>",
    "script-loop-after-load": "<h1>top</h1><script>onload=()=>setTimeout(()=>{for(;;);},50)</script>",
    "microtask-loop": "<h1>top</h1><script>(function f(){Promise.resolve().then(f)})()</script>",
    "regex-bomb": "<h1>top</h1><script>/^(a+)+$/.test('a'.repeat(60)+'!')</script>",
    "heap-hog": "<h1>top</h1><script>let a=[];for(;;)a.push({x:new Array(1000).fill({})})</script>",
    "buffer-hog": "<h1>top</h1><script>let a=[];setInterval(()=>{for(let i=0;i<8;i++)"
    "a.push(new Uint8Array(16<<20).fill(7))},1)</script>",
    "canvas-hog": "<h1>top</h1><script>setInterval(()=>{let c=document.createElement('canvas');c.width=c.height=4096;"
    "c.getContext('2d').fillRect(0,0,4096,4096);document.body.append(c)},5)</script>",
    "reload-loop": "<h1>top</h1><script>location.reload()</script>",
    "meta-refresh-loop": "<meta http-equiv=refresh content=0><h1>top</h1>",
    "location-loop": "<h1>top</h1><script>location.href='?'+Math.random()</script>",
    "late-location-loop": "<h1>top</h1><script>onload=()=>setTimeout(()=>location.href='?'+Math.random(),10)</script>",
    "hanging-stylesheet": "<link rel=stylesheet href=/hang><h1>top</h1>",
    "hanging-image": "<h1>top</h1><img src=/hang>",
    "hanging-font": "<style>@font-face{font-family:x;src:url(/hang)}h1{font-family:x}</style><h1>top</h1>",
    "hanging-script": "<h1>top</h1><script src=/hang></script><p>below",
    "endless-image": "<h1>top</h1><img src=/endless.png>",
    "endless-frame": "<h1>top</h1><iframe src=/endless></iframe>",
    "alert-storm": "<h1>top</h1><script>for(;;)alert(1)</script>",
    "prompts": "<h1>top</h1><script>prompt('a');confirm('b');print();onbeforeunload=e=>e.preventDefault()</script>",
    "popups": "<h1>top</h1><script>setInterval(()=>{for(let i=0;i<9;i++)open('/healthy?'+Math.random())},1)</script>",
    "frame-recursion": "<h1>top</h1><script>for(let i=0;i<4;i++){let f=document.createElement('iframe');"
    "f.src='/frame-recursion?'+Math.random();document.body.append(f)}</script>",
    "two-thousand-frames": "<h1>top</h1>" + "<iframe srcdoc=x></iframe>" * 2000,
    "million-nodes": "<h1>top</h1><script>let h='<b>x</b>'.repeat(1e6);document.body.innerHTML=h</script>",
    "deep-dom": "<h1>top</h1><script>let e=document.body;for(let i=0;i<2e5;i++){let d=document.createElement('div');"
    "e.append(d);e=d}document.body.offsetHeight</script>",
    "svg-bomb": '<svg xmlns="http://www.w3.org/2000/svg"><defs><g id=a0><rect width=9 height=9 /></g>'
    + "".join(f"<g id=a{i}>" + f"<use href=#a{i - 1} />" * 10 + "</g>" for i in range(1, 9))
    + "</defs><use href=#a8 /></svg>",
    "storage-hog": "<h1>top</h1><script>(async()=>{let c=await caches.open('x');for(let i=0;;i++)"
    "await c.put('/'+i,new Response(new Uint8Array(8<<20)))})();(async()=>{let d=await navigator.storage.getDirectory();"
    "for(let i=0;;i++){let w=await(await d.getFileHandle('f'+i,{create:true})).createWritable();"
    "await w.write(new Uint8Array(8<<20));await w.close()}})()</script>",
    "indexeddb-hog": "<h1>top</h1><script>let r=indexedDB.open('x');r.onupgradeneeded=()=>r.result.createObjectStore('s');"
    "r.onsuccess=()=>{let put=i=>{let q=r.result.transaction('s','readwrite').objectStore('s')"
    ".put(new Uint8Array(8<<20),i);q.onsuccess=()=>put(i+1)};put(0)}</script>",
    "webgl-loop": "<h1>top</h1><canvas id=c></canvas><script>let g=c.getContext('webgl');function f(){"
    "for(let i=0;i<500;i++)g&&g.clear(16384);requestAnimationFrame(f)}f()</script>",
    "blur-layers": "<h1>top</h1>"
    + "<div style='position:fixed;inset:0;backdrop-filter:blur(40px);background:#f002'></div>" * 300,
    "worker-bomb": "<h1>top</h1><script>let u=URL.createObjectURL(new Blob(['for(;;);']));"
    "setInterval(()=>new Worker(u),1)</script>",
    "fullscreen-and-resize": "<h1>top</h1><script>document.documentElement.requestFullscreen().catch(()=>0);"
    "resizeTo(10,10);moveTo(9,9)</script>",
    "console-flood": "<h1>top</h1><script>setInterval(()=>{for(let i=0;i<1e4;i++)console.log('x'.repeat(999))},0)</script>",
    "push-state-flood": "<h1>top</h1><script>setInterval(()=>history.pushState(0,0,'?'+Math.random()),0)</script>",
    "permissions": "<h1>top</h1><script>navigator.geolocation.getCurrentPosition(()=>0);Notification.requestPermission();"
    "navigator.mediaDevices&&navigator.mediaDevices.getUserMedia({video:1}).catch(()=>0)</script>"
    "<input type=file id=f><script>f.click()</script>",
    "self-closing": "<h1>top</h1><script>window.close();self.close()</script>",
    "download-by-script": "<h1>top</h1><a id=a download=x href='data:application/octet-stream,x'>x</a>"
    "<script>setInterval(()=>a.click(),10)</script>",
    "fetch-flood": "<h1>top</h1><script>setInterval(()=>{for(let i=0;i<50;i++)fetch('/healthy?'+Math.random())},0)</script>",
    "event-source-and-sockets": "<h1>top</h1><script>for(let i=0;i<300;i++){new EventSource('/hang?'+i);"
    "new WebSocket('ws://'+location.host+'/hang?'+i)}</script>",
    "hundred-thousand-pixels-high": "<body style='height:100000px;background:linear-gradient(red,blue)'><h1>top</h1>",
}
"""Attacks that are one HTML page."""


@cache
def _gzip_bomb() -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b"<b>x</b>" * (1 << 17)
    return b"".join([compressor.compress(block) for _ in range(512)]) + compressor.flush()


@cache
def _png(width: int, height: int) -> bytes:
    """A valid, nearly empty PNG of any size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    compressor = zlib.compressobj(9)
    rows = b"".join(compressor.compress(bytes(width // 8 + 1) * 64) for _ in range(height // 64)) + compressor.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves pages and unusual responses by name."""

    server: HostileSite
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Read the body in parts and answer as to GET."""
        left = int(self.headers.get("Content-Length", 0))
        while left > 0 and (part := self.rfile.read(min(left, 1 << 16))):
            left -= len(part)
        self.do_GET()

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].strip("/")
        if body := {"healthy": HEALTHY, **PAGES, **self.server.more_pages}.get(name):
            self.respond(200, "text/html; charset=utf-8", (HEAD.format(name=name) + body).encode())
        elif respond := RESPONSES.get(name):
            respond(self)
        else:
            self.respond(404, "text/html", b"<h1>not here</h1>")

    def respond(self, status: int, kind: str, body: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def hang(self) -> None:
        """Send nothing until the test ends."""
        self.server.stopping.wait(60)
        self.close_connection = True

    def endless(self, kind: str, first: bytes, block: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        self.wfile.write(first)
        while not self.server.stopping.is_set():
            self.wfile.write(block)

    def drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        self.wfile.write(HEALTHY.encode())
        while not self.server.stopping.wait(0.2):
            self.wfile.write(b"<p>more")
            self.wfile.flush()

    def raw(self, text: bytes) -> None:
        self.close_connection = True
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        pass


def _redirect_loop(handler: Handler) -> None:
    handler.respond(302, "text/html", b"", Location="/redirect-loop")


RESPONSES: dict[str, Callable[[Handler], None]] = {
    "hang": Handler.hang,
    "slow-body": Handler.drip,
    "endless": lambda h: h.endless("text/html", HEALTHY.encode(), b"<p>more and more</p>" * 5000),
    "endless.png": lambda h: h.endless("image/png", _png(4096, 4096)[:60], bytes(1 << 16)),
    "gzip-bomb": lambda h: h.respond(200, "text/html", _gzip_bomb(), Content_Encoding="gzip"),
    "download": lambda h: h.respond(200, "application/octet-stream", b"x" * 999, Content_Disposition="attachment"),
    "pdf": lambda h: h.respond(200, "application/pdf", b"%PDF-1.4\n%%EOF"),
    "zip": lambda h: h.respond(200, "application/zip", b"PK\x05\x06" + bytes(18)),
    "csv": lambda h: h.respond(200, "text/csv", b"a,b\n1,2\n"),
    "no-content": lambda h: h.raw(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"),
    "empty-response": lambda h: h.raw(b""),
    "header-bomb": lambda h: h.raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * (1 << 20) + b"\r\n\r\nbody"),
    "nonsense": lambda h: h.raw(bytes(range(256)) * 50),
    "redirect-loop": _redirect_loop,
    "unauthorized": lambda h: h.respond(401, "text/html", b"<h1>log in</h1>", WWW_Authenticate='Basic realm="x"'),
    "proxy-authentication": lambda h: h.respond(407, "text/html", b"<h1>?</h1>", Proxy_Authenticate='Basic realm="x"'),
    "image-of-256-megapixels": lambda h: h.respond(200, "image/png", _png(16384, 16384)),
    "image-of-900-megapixels": lambda h: h.respond(200, "image/png", _png(30016, 30016)),
    "error-page-500": lambda h: h.respond(500, "text/html", HEALTHY.encode()),
    "redirect-to-file": lambda h: h.respond(302, "text/html", b"", Location="file:///etc/passwd"),
    "redirect-to-metadata": lambda h: h.respond(302, "text/html", b"", Location="http://169.254.169.254/latest/"),
    "redirect-to-loopback": lambda h: h.respond(302, "text/html", b"", Location="http://127.0.0.1:8099/"),
    "compressed-twice": lambda h: h.respond(
        200, "text/html", gzip.compress(gzip.compress(HEALTHY.encode() * 1000)), Content_Encoding="gzip, gzip"
    ),
}
"""Attacks that are an unusual response."""

HELPERS = {"hang", "endless.png"}
"""Responses that other pages load; they are not separate attacks."""

ATTACKS = [*PAGES, *sorted(set(RESPONSES) - HELPERS)]


class HostileSite(http.server.ThreadingHTTPServer):
    """All attacks on one loopback port."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def __init__(self, more_pages: Mapping[str, str] | None = None) -> None:
        self.stopping = threading.Event()
        self.more_pages = more_pages or {}
        super().__init__(("127.0.0.1", 0), Handler)

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"

    def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: Any) -> None:
        """Ignore clients that close their connection."""


def names() -> Iterator[str]:
    yield from ATTACKS
