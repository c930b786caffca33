# ruff: noqa: E501 - each page is one line
"""Pages that move: some until they show green everywhere, others without end; and a server of two sites.

Each page is 640 pixels wide; its upper 240 pixels show what moves.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

from tests.support.animated_images import animated_gif, animated_png

_HEAD = (
    "<!doctype html><meta charset=utf-8><style>body{margin:0;background:#fff}iframe,object,img{display:block;border:0}"
)
_STAGE = _HEAD + "#s{height:240px;background:#c00}#s.d{background:#090}"
_SLOW_TRANSITION = (
    "::view-transition-old(root),::view-transition-new(root){animation-duration:1s}</style><div id=s></div>"
)
_KEYFRAMES = "@keyframes a{from{background:#c00}to{background:#090}}div{height:240px;animation:a 2s .5s both}"
_SLIDE = (
    "@keyframes a{from{transform:none}to{transform:translateX(500px)}}div{width:100px;height:100px;background:#090;"
)
_CANVAS = "</style><canvas id=c width=640 height=240></canvas><script>const x=c.getContext('2d');"
_DRAW = "x.clearRect(0,0,640,240);x.fillStyle='#090';x.fillRect(at,0,100,100);requestAnimationFrame(f)"
_SMIL = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="640" height="240"><rect width="640" height="240" fill="#c00">'
    '<animate attributeName="fill" from="#c00" to="#090" dur="1.5s" fill="freeze"/></rect></svg>'
)

FINITE: dict[str, str] = {
    "view transition": _STAGE
    + _SLOW_TRANSITION
    + "<script>setTimeout(()=>document.startViewTransition(()=>s.classList.add('d')),500)</script>",
    "view transitions one after another": _STAGE
    + _SLOW_TRANSITION
    + "<script>(async()=>{for(const c of['#00c','#0cc','#090'])await document.startViewTransition(()=>{s.style.background=c}).finished})()</script>",
    "view transition that loads": _STAGE
    + _SLOW_TRANSITION
    + "<script>setTimeout(()=>document.startViewTransition(async()=>{await fetch('/smil.svg');await new Promise(r=>setTimeout(r,300));s.classList.add('d')}),700)</script>",
    "popover": _HEAD
    + "[popover]{inset:0 0 auto 0;margin:0;border:0;padding:0;width:640px;height:240px;background:#090;opacity:0;"
    "transition:opacity 1s,overlay 1s allow-discrete,display 1s allow-discrete}"
    "[popover]:popover-open{opacity:1;@starting-style{opacity:0}}</style>"
    "<div popover=manual id=p></div><script>setTimeout(()=>p.showPopover(),900)</script>",
    "dialog": _HEAD
    + "dialog{max-width:none;inset:0 0 auto 0;margin:0;border:0;padding:0;width:640px;height:240px;background:#090;"
    "opacity:0;translate:0 -300px;transition:all 1.2s allow-discrete}"
    "dialog[open]{opacity:1;translate:0 0;@starting-style{opacity:0;translate:0 -300px}}</style>"
    "<dialog id=p></dialog><script>setTimeout(()=>p.showModal(),700)</script>",
    "dialog that closes": _HEAD
    + "body{background:#090}dialog{max-width:none;inset:0 0 auto 0;margin:0;border:0;padding:0;width:640px;height:240px;"
    "background:#c00;opacity:0;transition:all 1.2s allow-discrete}dialog[open]{opacity:1}</style>"
    "<dialog id=p open></dialog><script>setTimeout(()=>p.close(),700)</script>",
    "SMIL in the page": _HEAD + "</style>" + _SMIL,
    "SMIL in an image": _HEAD + "</style><img src=/smil.svg>",
    "SMIL in a background": _HEAD + "div{height:240px;background:url(/smil.svg)}</style><div></div>",
    "SMIL in an object": _HEAD + "</style><object data=/smil.svg type=image/svg+xml></object>",
    "animation in an open shadow tree": _HEAD
    + f"</style><div id=h></div><script>h.attachShadow({{mode:'open'}}).innerHTML=`<style>{_KEYFRAMES}</style><div></div>`</script>",
    "animation in a closed shadow tree": _HEAD
    + f"</style><div id=h></div><script>h.attachShadow({{mode:'closed'}}).innerHTML=`<style>{_KEYFRAMES}</style><div></div>`</script>",
    "late transition in a closed shadow tree": _HEAD
    + "</style><div id=h></div><script>const r=h.attachShadow({mode:'closed'});r.innerHTML='<style>div{height:240px;"
    "background:#c00;transition:background 1.5s}div.d{background:#090}</style><div></div>';"
    "setTimeout(()=>r.querySelector('div').classList.add('d'),1000)</script>",
    "late web animation": _STAGE
    + "</style><div id=s></div><script>setTimeout(()=>s.animate([{background:'#c00'},{background:'#090'}],{duration:1500,fill:'forwards'}),1200)</script>",
    "promise of a web animation": _STAGE
    + "</style><div id=s></div><script>setTimeout(async()=>{await s.animate([{opacity:1},{opacity:0}],1500).finished;s.className='d'},1200)</script>",
    "late transition": _STAGE
    + "#s{transition:background 2s}</style><div id=s></div><script>setTimeout(()=>{s.className='d'},2700)</script>",
    "transition without a change of the document": _STAGE
    + "#s{transition:background 2s}:checked~#s{background:#090}</style><input type=checkbox id=c style='position:absolute;opacity:0'><div id=s></div>"
    "<script>setTimeout(()=>{c.checked=true},1500)</script>",
    "tween by animation frames": _STAGE
    + "</style><div id=s></div><script>let t=0,last=Date.now();(function f(){const n=Date.now();let e=n-last;last=n;if(e>500)e=33;t+=e;"
    "const k=Math.min(1,t/2000);s.style.background=`rgb(${204*(1-k)},${153*k},0)`;k<1&&requestAnimationFrame(f)})()</script>",
    "scroll-driven animation": _HEAD
    + "body{height:3000px}@keyframes a{from{background:#090}to{background:#c00}}div{position:fixed;inset:0 0 auto;height:240px;"
    "animation:a linear both;animation-timeline:scroll()}</style><div></div>",
}
"""Pages that are green at the end."""

IN_FRAMES = ("late transition", "view transition", "late transition in a closed shadow tree", "SMIL in an image")
"""Finite pages that are also captured inside of a frame."""

ENDLESS: dict[str, str] = {
    "CSS animation": _HEAD + _SLIDE + "animation:a 3.7s linear infinite}</style><div></div>",
    "CSS animation of 20 s": _HEAD + _SLIDE + "animation:a 20s linear both}</style><div></div>",
    "web animation": _HEAD
    + "div{width:100px;height:100px;background:#090}</style><div id=d></div><script>setTimeout(()=>d.animate([{transform:'none'},"
    "{transform:'translateX(500px)'}],{duration:2300,iterations:Infinity}),700)</script>",
    "animation in a closed shadow tree": _HEAD
    + f"</style><div id=h></div><script>h.attachShadow({{mode:'closed'}}).innerHTML=`<style>{_SLIDE}animation:a 3.7s linear infinite}}</style><div></div>`</script>",
    "SMIL": _HEAD
    + "</style><svg width=640 height=240><rect width=100 height=100 fill='#090'><animate attributeName=x from=0 to=500 dur=3.3s repeatCount=indefinite /></rect></svg>",
    "marquee": _HEAD
    + "</style><marquee scrollamount=10><div style='width:100px;height:100px;background:#090'></div></marquee>",
    "GIF": _HEAD + "</style><img src=/animated.gif width=640 height=240>",
    "GIF as background": _HEAD + "div{height:240px;background:url(/animated.gif)}</style><div></div>",
    "APNG": _HEAD + "</style><img src=/animated.png width=640 height=240>",
    "canvas by number of frames": _HEAD + _CANVAS + f"let n=0;(function f(){{n++;const at=n%540;{_DRAW}}})()</script>",
    "canvas by the time of a frame": _HEAD
    + _CANVAS
    + f"(function f(t=0){{const at=270+Math.sin(t/700)*270;{_DRAW}}})()</script>",
}
"""Pages that never end."""

FIRST_FRAMES = ("GIF", "GIF as background", "APNG")
"""Endless pages that are red at first, and then have other colours."""


class MovingPages:
    """The server of the pages, on 127.0.0.1 and, as another site, on 127.0.0.2; a context manager."""

    def __init__(self) -> None:
        first = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.port = int(first.server_address[1])
        self._servers = [first, ThreadingHTTPServer(("127.0.0.2", self.port), _Handler)]

    def __enter__(self) -> Self:
        for server in self._servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    @property
    def allowed(self) -> tuple[str, ...]:
        """Addresses of both sites."""
        return f"127.0.0.1:{self.port}", f"127.0.0.2:{self.port}"

    def url(self, name: str, kind: str = "finite", **query: object) -> str:
        """The page of a name in FINITE, or with ``endless`` in ENDLESS."""
        more = "".join(f"&{key}={value}" for key, value in query.items())
        return f"http://127.0.0.1:{self.port}/{kind}/{name.replace(' ', '_')}?{more}"

    def framed_url(self, name: str, kind: str = "finite") -> str:
        """A page that shows the one of a name in a frame of the other site."""
        return f"http://127.0.0.1:{self.port}/frame/{kind}/{name.replace(' ', '_')}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        kind, _, name = path.strip("/").partition("/")
        pages = {"finite": FINITE, "endless": ENDLESS}
        if path == "/smil.svg":
            self._send(_SMIL.encode(), "image/svg+xml")
        elif path == "/animated.gif":
            self._send(animated_gif(), "image/gif")
        elif path == "/animated.png":
            self._send(animated_png(), "image/png")
        elif kind == "frame":
            host = self.headers["Host"].replace("127.0.0.1", "127.0.0.2")
            self._send(f"{_HEAD}</style><iframe src=http://{host}/{name} width=640 height=240></iframe>".encode())
        else:
            self._send(pages.get(kind, {}).get(name.replace("_", " "), "").encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def _send(self, body: bytes, kind: str = "text/html") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
