// Known techniques by which a page can make a browser connect to an address. Each tries to reach the canary, by name.
const canary = (name) => `${CANARY}/hit/${name}`;
const socket = (name) => canary(name).replace(/^http/, "ws");
const detour = (name, status = 302) => `/go?status=${status}&to=${encodeURIComponent(canary(name))}`;
const tried = [];

function attempt(name, act) {
  tried.push(name);
  try {
    Promise.resolve(act(name)).catch(() => {});
  } catch { /* not in this browser */ }
}

const markup = {
  "img": "<img src=$>",
  "img-srcset": "<img srcset='$ 1x'>",
  "picture": "<picture><source srcset=$><img></picture>",
  "iframe": "<iframe src=$></iframe>",
  "iframe-srcdoc": "<iframe srcdoc='<img src=$>'></iframe>",
  "iframe-sandbox": "<iframe sandbox src=$></iframe>",
  "iframe-data": "<iframe src='data:text/html,<img src=$>'></iframe>",
  "fencedframe": "<fencedframe src=$></fencedframe>",
  "object": "<object data=$></object>",
  "embed": "<embed src=$>",
  "video": "<video src=$ autoplay muted></video>",
  "video-source": "<video autoplay muted><source src=$></video>",
  "poster": "<video poster=$></video>",
  "track": "<video src=/silence.mp4><track default src=$></video>",
  "audio": "<audio src=$ preload=auto></audio>",
  "stylesheet": "<link rel=stylesheet href=$>",
  "preload": "<link rel=preload as=image href=$>",
  "preload-fetch": "<link rel=preload as=fetch crossorigin href=$>",
  "modulepreload": "<link rel=modulepreload href=$>",
  "prefetch": "<link rel=prefetch href=$>",
  "prerender": "<link rel=prerender href=$>",
  "preconnect": "<link rel=preconnect href=$>",
  "dns-prefetch": "<link rel=dns-prefetch href=//dns-prefetch.inside.attacker.com>",
  "icon": "<link rel=icon href=$>",
  "manifest": "<link rel=manifest href=$>",
  "input-image": "<input type=image src=$>",
  "body-background": "<table background=$><tr><td>x</table>",
  "css-background": "<div style='background:url($)'>x</div>",
  "css-list": "<ul><li style='list-style-image:url($)'>x</ul>",
  "css-cursor": "<div style='cursor:url($),auto'>x</div>",
  "css-border": "<div style='border:1px solid;border-image:url($) 1'>x</div>",
  "css-mask": "<div style='mask-image:url($)'>x</div>",
  "css-filter": "<div style='filter:url($#f)'>x</div>",
  "css-content": "<div style='content:url($)'>x</div>",
  "css-image-set": "<div style='background:image-set(url($) 1x)'>x</div>",
  "css-import": "<style>@import url($);</style>",
  "css-font": "<style>@font-face{font-family:canary;src:url($)}</style><p style='font-family:canary'>x</p>",
  "svg-image": "<svg><image href=$ width=9 height=9 /></svg>",
  "svg-use": "<svg><use href=$#x /></svg>",
  "svg-feimage": "<svg><filter id=f><feImage href=$ /></filter><rect width=9 height=9 filter=url(#f) /></svg>",
  "svg-script": "<iframe src='/script.svg?src=$'></iframe>",
  "xslt": "<iframe src='/transformed.xml?style=$'></iframe>",
  "frame-refresh": "<iframe src='/refresh?to=$'></iframe>",
};
for (const [name, html] of Object.entries(markup)) {
  attempt(name, () => document.body.insertAdjacentHTML("beforeend", html.replaceAll("$", canary(name))));
}
attempt("img-redirect", (name) => { new Image().src = detour(name); });
attempt("iframe-redirect", (name) => document.body.insertAdjacentHTML("beforeend", `<iframe src='${detour(name)}'></iframe>`));
attempt("css-redirect", (name) => document.head.insertAdjacentHTML("beforeend", `<link rel=stylesheet href='${detour(name)}'>`));

function script(type, name) {
  const element = Object.assign(document.createElement("script"), { type, src: canary(name) });
  document.head.append(element);
}
attempt("script", (name) => script("text/javascript", name));
attempt("script-module", (name) => script("module", name));
attempt("import", (name) => import(canary(name)));
attempt("import-map", (name) => {
  document.head.append(Object.assign(document.createElement("script"), { type: "importmap", textContent: JSON.stringify({ imports: { canary: canary(name) } }) }));
  return import("canary");
});
for (const mode of ["prefetch", "prerender"]) {
  attempt(`speculation-${mode}`, (name) => {
    const rules = { [mode]: [{ source: "list", urls: [canary(name)], eagerness: "immediate" }] };
    document.head.append(Object.assign(document.createElement("script"), { type: "speculationrules", textContent: JSON.stringify(rules) }));
  });
}

attempt("fetch", (name) => fetch(canary(name)));
attempt("fetch-no-cors", (name) => fetch(canary(name), { mode: "no-cors" }));
attempt("fetch-preflight", (name) => fetch(canary(name), { method: "PUT", headers: { "X-Canary": "1" } }));
attempt("fetch-keepalive", (name) => fetch(canary(name), { mode: "no-cors", method: "POST", keepalive: true, body: "x" }));
attempt("fetch-local", (name) => fetch(canary(name), { mode: "no-cors", targetAddressSpace: "local" }));
attempt("fetch-private", (name) => fetch(canary(name), { mode: "no-cors", targetAddressSpace: "private" }));
attempt("fetch-redirect", (name) => fetch(detour(name), { mode: "no-cors" }));
attempt("fetch-redirect-307", (name) => fetch(detour(name, 307), { mode: "no-cors", method: "POST", body: "x" }));
attempt("fetch-later", (name) => fetchLater(canary(name), { activateAfter: 0 }));
attempt("xhr", (name) => { const x = new XMLHttpRequest(); x.open("GET", canary(name)); x.send(); });
attempt("xhr-sync", (name) => { const x = new XMLHttpRequest(); x.open("GET", canary(name), false); x.send(); });
attempt("beacon", (name) => navigator.sendBeacon(canary(name), "x"));
attempt("event-source", (name) => new EventSource(canary(name)));
attempt("websocket", (name) => new WebSocket(socket(name)));
attempt("websocket-stream", (name) => new WebSocketStream(socket(name)).opened);
attempt("font-face", (name) => new FontFace("canary2", `url(${canary(name)})`).load());
attempt("wasm", (name) => WebAssembly.compileStreaming(fetch(canary(name))));
attempt("audio-worklet", (name) => new AudioContext().audioWorklet.addModule(canary(name)));
attempt("paint-worklet", (name) => CSS.paintWorklet.addModule(canary(name)));
attempt("share-storage-worklet", (name) => sharedStorage.worklet.addModule(canary(name)));
attempt("media-source", (name) => { const v = document.createElement("video"); v.src = `${canary(name)}.m3u8`; v.load(); });
attempt("background-fetch", (name) => navigator.serviceWorker.ready.then((r) => r.backgroundFetch.fetch("b", [canary(name)])));
attempt("attribution", (name) => document.body.insertAdjacentHTML("beforeend", `<img attributionsrc='${canary(name)}' src=/x.png>`));

const inside = (name) => `
  try { fetch("${canary(`${name}-fetch`)}", { mode: "no-cors" }).catch(() => {}); } catch {}
  try { new WebSocket("${socket(`${name}-websocket`)}"); } catch {}
  try { const x = new XMLHttpRequest(); x.open("GET", "${canary(`${name}-xhr`)}"); x.send(); } catch {}
  try { new EventSource("${canary(`${name}-event-source`)}"); } catch {}
  try { importScripts("${canary(`${name}-import`)}"); } catch {}`;
const blob = (name) => URL.createObjectURL(new Blob([inside(name)], { type: "text/javascript" }));
const served = (name) => `/worker.js?code=${encodeURIComponent(inside(name))}`;
for (const way of ["fetch", "websocket", "xhr", "event-source", "import"]) {
  tried.push(`worker-${way}`, `worker-blob-${way}`, `shared-worker-${way}`);
}
attempt("worker", (name) => new Worker(served(name)));
attempt("worker-blob", (name) => new Worker(blob(name)));
attempt("worker-module", (name) => new Worker(URL.createObjectURL(new Blob([`import "${canary(name)}"`], { type: "text/javascript" })), { type: "module" }));
attempt("shared-worker", (name) => new SharedWorker(served(name)));
if (isSecureContext) {
  for (const way of ["fetch", "import"]) tried.push(`service-worker-${way}`);
  attempt("service-worker", (name) => navigator.serviceWorker.register(served(name)));
  attempt("webtransport", (name) => new WebTransport(canary(name)).ready);
  attempt("webtransport-hashes", (name) => new WebTransport(canary(name), { serverCertificateHashes: [{ algorithm: "sha-256", value: new Uint8Array(32) }] }).ready);
}

function form(name, attributes) {
  document.body.insertAdjacentHTML("beforeend", `<iframe name='f-${name}'></iframe><form action='${canary(name)}' ${attributes} target='f-${name}'><input name=x></form>`);
  document.body.lastElementChild.submit();
}
attempt("form-get", (name) => form(name, "method=get"));
attempt("form-post", (name) => form(name, "method=post"));
attempt("form-multipart", (name) => form(name, "method=post enctype=multipart/form-data"));
function click(name, attributes, href = canary(name)) {
  document.body.insertAdjacentHTML("beforeend", `<a href='${href}' ${attributes}>x</a>`);
  document.body.lastElementChild.click();
}
document.body.insertAdjacentHTML("beforeend", "<iframe name=f-links></iframe>");
attempt("popup", (name) => window.open(canary(name)));
attempt("popup-noopener", (name) => window.open(canary(name), "_blank", "noopener"));
attempt("popup-late", (name) => { const w = window.open("about:blank"); if (w) w.location = canary(name); });
attempt("popup-redirect", (name) => window.open(detour(name)));
attempt("popup-form", (name) => form(name, "method=post rel=opener"));
attempt("link-blank", (name) => click(name, "target=_blank"));
attempt("link-ping", (name) => click(name, `target=f-links ping='${canary(name)}'`, "/x.png"));
attempt("link-download", (name) => click(name, "download target=f-links"));
attempt("frame-location", (name) => { const f = document.createElement("iframe"); document.body.append(f); f.contentWindow.location = canary(name); });
attempt("frame-javascript", (name) => document.body.insertAdjacentHTML("beforeend", `<iframe src="javascript:location='${canary(name)}'"></iframe>`));

const stun = (host) => [`stun:${host}:3478`, `turn:${host}:3478?transport=udp`, `turn:${host}:3478?transport=tcp`, `turns:${host}:443?transport=tcp`];
function rtc(hosts) {
  const iceServers = hosts.flatMap(stun).map((urls) => ({ urls, username: "u", credential: "c" }));
  const connection = new RTCPeerConnection({ iceServers, iceCandidatePoolSize: 2 });
  connection.createDataChannel("canary");
  return connection.createOffer().then((offer) => connection.setLocalDescription(offer)).then(() => connection);
}
for (const host of RTC_HOSTS) attempt(`rtc-${host}`, () => rtc([host]));
attempt("rtc-remote-candidate", async () => {
  const [a, b] = [await rtc([]), new RTCPeerConnection()];
  await b.setRemoteDescription(a.localDescription);
  await b.setLocalDescription(await b.createAnswer());
  await a.setRemoteDescription(b.localDescription);
  for (const host of RTC_HOSTS) {
    const bare = host.replace(/[[\]]/g, "");
    for (const [kind, extra] of [["udp", ""], ["tcp", " tcptype passive"]]) {
      await a.addIceCandidate({ candidate: `candidate:1 1 ${kind} 2122260223 ${bare} 3478 typ host${extra}`, sdpMid: "0" }).catch(() => {});
    }
  }
});

for (const host of SPELLINGS) {
  const base = `${location.protocol}//${host}/hit/spelling`;
  attempt(`spelling-img ${host}`, () => { new Image().src = `${base}-img`; });
  attempt(`spelling-fetch ${host}`, () => fetch(`${base}-fetch`, { mode: "no-cors" }));
  attempt(`spelling-websocket ${host}`, () => new WebSocket(`${base}-websocket`.replace(/^http/, "ws")));
  attempt(`spelling-iframe ${host}`, () => document.body.insertAdjacentHTML("beforeend", `<iframe src='${base}-iframe'></iframe>`));
}

fetch("/tried", { method: "POST", body: JSON.stringify(tried) });
