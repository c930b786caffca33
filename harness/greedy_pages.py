# ruff: noqa: E501 - each page is one line
"""Pages that take what a browser shares between its pages: memory of its processes, CPU time, threads, connections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_PENDING = "<img src=/hang>"
"""An image that never loads, so that the capture lasts."""
_URL_OF_A_MEGABYTE = "'?'+i+'x'.repeat(1e6)"
_BUSY_WORKER = "URL.createObjectURL(new Blob(['for(;;);']))"
_NOISE = "let d=x.createImageData(c.width,c.height),b=new Uint32Array(d.data.buffer);for(let k=0;k<b.length;k++)b[k]=Math.random()*2**32;x.putImageData(d,0,0);"


@dataclass(frozen=True)
class GreedyPage:
    """One kind: its HTML, and the options with which it costs most."""

    html: str
    options: Mapping[str, Any] = field(default_factory=dict)


def _script(text: str) -> str:
    return f"<h1>top</h1>{_PENDING}<script>{text}</script>"


GREEDY_PAGES: dict[str, GreedyPage] = {
    "blobs": GreedyPage(_script("let a=[];for(let i=0;i<14;i++)a.push(new Blob([new Uint8Array(64<<20).fill(i)]))")),
    "long-urls": GreedyPage(
        _script(
            f"let i=0;setInterval(()=>{{for(let k=0;k<9;k++,i++)try{{history.pushState(0,0,{_URL_OF_A_MEGABYTE})}}catch{{}}}},10)"
        )
    ),
    "request-body": GreedyPage(
        _script(
            "let b='x'.repeat(60<<20);for(let i=0;i<8;i++)fetch('/healthy?'+i,{method:'POST',body:b}).catch(()=>0)"
        ),
        {"headers": {"X-Example": "1"}},
    ),
    "pdf-noise": GreedyPage(
        "<h1>top</h1><script>for(let i=0;i<40;i++){let c=document.createElement('canvas');c.width=c.height=1500;let x=c.getContext('2d');"
        + _NOISE
        + "document.body.append(c)}</script>",
        {"format": "pdf"},
    ),
    "blur-layers": GreedyPage(
        "<h1>top</h1>" + "<div style='position:fixed;inset:0;backdrop-filter:blur(40px);background:#f002'></div>" * 300
    ),
    "busy-workers": GreedyPage(_script(f"let u={_BUSY_WORKER};setInterval(()=>new Worker(u),1)")),
    "shared-workers": GreedyPage(_script(f"let u={_BUSY_WORKER};for(let i=0;i<60;i++)new SharedWorker(u,'w'+i)")),
    "busy-loop": GreedyPage(_script("onload=()=>0;setTimeout(()=>{for(;;);},50)")),
    "script-heap": GreedyPage(_script("let a=[];for(;;)a.push({x:new Array(1000).fill({})})")),
    "array-buffers": GreedyPage(
        _script("let a=[];setInterval(()=>{for(let i=0;i<8;i++)a.push(new Uint8Array(16<<20).fill(7))},1)")
    ),
    "canvases": GreedyPage(
        _script(
            "setInterval(()=>{let c=document.createElement('canvas');c.width=c.height=4096;c.getContext('2d').fillRect(0,0,4096,4096);document.body.append(c)},5)"
        )
    ),
    "deep-tree": GreedyPage(
        "<h1>top</h1><script>let e=document.body;for(let i=0;i<2e5;i++){let d=document.createElement('div');e.append(d);e=d}document.body.offsetHeight</script>"
    ),
    "frames": GreedyPage(
        _script(
            "setInterval(()=>{for(let i=0;i<20;i++){let f=document.createElement('iframe');f.src='/healthy?'+Math.random();document.body.append(f)}},10)"
        )
    ),
    "popups": GreedyPage(_script("setInterval(()=>{for(let i=0;i<9;i++)open('/healthy?'+Math.random())},1)")),
    "message-ports": GreedyPage(
        _script(
            "let u=URL.createObjectURL(new Blob(['onmessage=e=>{for(;;)postMessage(e.data.slice())}']));for(let i=0;i<8;i++){let w=new Worker(u);w.onmessage=()=>0;w.postMessage(new Uint8Array(4<<20))}"
        )
    ),
    "broadcast": GreedyPage(
        _script(
            "let c=new BroadcastChannel('x'),d=new BroadcastChannel('x');d.onmessage=()=>0;setInterval(()=>{for(let i=0;i<20;i++)c.postMessage(new Uint8Array(4<<20))},1)"
        )
    ),
    "audio": GreedyPage(
        _script(
            "for(let i=0;i<60;i++){let a=new OfflineAudioContext(2,44100*600,44100),o=a.createOscillator();o.connect(a.destination);o.start();a.startRendering()}"
        )
    ),
    "decoded-images": GreedyPage(
        "<h1>top</h1>" + "".join(f"<img src='/image-of-256-megapixels?{number}' width=200>" for number in range(8))
    ),
    "stored-responses": GreedyPage(
        _script(
            "(async()=>{let c=await caches.open('x');for(let i=0;;i++)await c.put('/'+i,new Response(new Uint8Array(8<<20)))})()"
        )
    ),
    "stored-records": GreedyPage(
        _script(
            "let r=indexedDB.open('x');r.onupgradeneeded=()=>r.result.createObjectStore('s');r.onsuccess=()=>{let put=i=>{let q=r.result.transaction('s','readwrite').objectStore('s').put(new Uint8Array(8<<20),i);q.onsuccess=()=>put(i+1)};put(0)}"
        )
    ),
    "connections": GreedyPage(
        _script("for(let i=0;i<600;i++){new EventSource('/hang?'+i);new WebSocket('ws://'+location.host+'/hang?'+i)}")
    ),
    "requests": GreedyPage(
        _script("setInterval(()=>{for(let i=0;i<50;i++)fetch('/healthy?'+Math.random()).catch(()=>0)},0)")
    ),
    "dialogs": GreedyPage(_script("for(;;)alert('x'.repeat(1e6))")),
    "animated-filters": GreedyPage(
        "<h1>top</h1><style>@keyframes a{from{filter:blur(1px)}to{filter:blur(90px) hue-rotate(1turn)}}b{position:fixed;inset:0;background:#f003;animation:a .3s infinite}</style>"
        + "<b></b>" * 60
        + _PENDING
    ),
    "script-result": GreedyPage("<h1>top</h1>", {"js": "'x'.repeat(80<<20)"}),
    "wasm-memory": GreedyPage(
        _script(
            "let a=[];setInterval(()=>{let m=new WebAssembly.Memory({initial:2048});new Uint8Array(m.buffer).fill(1);a.push(m)},1)"
        )
    ),
}
"""Kinds by name."""
