"""Pages that give the browser a password of HTTP authentication, and a server that asks for it."""

from __future__ import annotations

import base64

from tests.support.caching_site import Headers, Response


def locked(headers: Headers) -> Response:
    if headers.get("authorization") == "Basic " + base64.b64encode(b"anna:s3cret").decode():
        return 200, {"Access-Control-Allow-Origin": "*"}, "inside"
    return 401, {"WWW-Authenticate": 'Basic realm="here"'}, "outside"


REQUEST = """
  const send = (url = "/locked", ...login) => new Promise((done) => {
    const request = new XMLHttpRequest();
    request.open("GET", url, true, ...login);
    request.onloadend = () => done(request.status);
    request.send();
  });
  const address = location.href.replace("//", "//anna:s3cret@").replace(/[^/]*$/, "locked");
"""
"""Variables of a module script: a function that sends a request, and the address of the locked page with a password."""
SEND = 'send("/locked", "anna", "s3cret")'
LOGINS: dict[str, str] = {
    "a request of the page": f"{REQUEST} document.title = await {SEND};",
    "a request to a URL with a password": REQUEST + "document.title = await send(new URL(address));",
    "a request to an object with such a URL": REQUEST + "document.title = await send({ toString: () => address });",
    "a request relative to a URL with a password": REQUEST
    + """
      document.head.append(Object.assign(document.createElement("base"), { href: address }));
      document.title = await send("locked");""",
    "a request of a page without a document element": REQUEST
    + f"""
      const root = document.documentElement;
      root.remove();
      const status = {SEND};
      document.append(root);
      document.title = await status;""",
    "a request of a page that hides frames": REQUEST
    + f"""
      Document.prototype.createElementNS = Node.prototype.appendChild = Element.prototype.remove = () => null;
      Reflect.apply = () => null;
      document.title = await {SEND};""",
    "a request of an empty frame": REQUEST
    + """
      const frame = document.body.appendChild(document.createElement("iframe"));
      const request = new frame.contentWindow.XMLHttpRequest();
      request.open("GET", address);
      request.send();
      document.title = await new Promise((done) => { request.onloadend = () => done(request.status); });""",
    "a request of a frame": f"""
      const frame = document.body.appendChild(document.createElement("iframe"));
      frame.srcdoc = `<script>{REQUEST.replace("location.href", "parent.location.href")} {SEND}<\\/script>`;""",
    "a web socket": REQUEST
    + """
      const socket = new WebSocket(address);
      document.title = await new Promise((done) => { socket.onopen = socket.onerror = ({ type }) => done(type); });""",
    "a web socket of another class": REQUEST
    + """
      const Socket = new WebSocket("ws://" + location.host + "/").constructor;
      const socket = new (class extends Socket {})(address);
      document.title = await new Promise((done) => { socket.onopen = socket.onerror = ({ type }) => done(type); });""",
    "a worker": """
      const worker = new Worker("/worker.js");
      document.title = await new Promise((done) => { worker.onmessage = ({ data }) => done(data); });""",
    "a nested worker": """
      const worker = new Worker("/nesting.js");
      document.title = await new Promise((done) => { worker.onmessage = ({ data }) => done(data); });""",
    "a shared worker": """
      const worker = new SharedWorker("/shared.js");
      document.title = await new Promise((done) => { worker.port.onmessage = ({ data }) => done(data); });""",
    "a navigation": "location = '/redirect';",
    "a service worker": """
      const script = location.href.replace("//", "//anna:s3cret@").replace(/[^/]*$/, "locked.js");
      await navigator.serviceWorker.register(script).catch(() => {});""",
    "a module worker with a password": """
      const worker = new Worker(location.href.replace("//", "//anna:s3cret@").replace(/[^/]*$/, "locked.js"));
      document.title = await new Promise((done) => { worker.onmessage = worker.onerror = () => done(200); });""",
}


NO_LOGINS = """
  const add = (name, attributes) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return document.body.appendChild(element);
  };
  for (const name of ["img", "script", "iframe", "embed", "video", "audio"]) add(name, { src: address });
  const relations = ["stylesheet", "icon", "manifest", "prefetch", "modulepreload"];
  for (const rel of relations) add("link", { rel, href: address });
  for (const as of ["script", "fetch", "image"]) add("link", { rel: "preload", as, href: address });
  add("object", { data: address });
  add("input", { type: "image", src: address });
  add("video", {}).append(Object.assign(document.createElement("track"), { src: address, default: true }));
  add("a", { ping: address, href: "#pinged" }).click();
  add("p", { style: `background: url(${address}); mask: url(${address}); filter: url(${address}#a)` });
  add("style", {}).textContent = `
    @import "${address}"; @font-face { font-family: a; src: url(${address}) } p { font-family: a }`;
  const drawing = `<svg><image href="${address}"/><use href="${address}#a"/></svg>`;
  document.body.insertAdjacentHTML("beforeend", `<p>text</p>${drawing}`);
  navigator.sendBeacon(address);
  new EventSource(address);
  const attempts = [
    () => fetch(address), () => import(address), () => fetchLater(address, { activateAfter: 0 }),
    () => CSS.paintWorklet.addModule(address), () => new AudioContext().audioWorklet.addModule(address),
    () => sharedStorage.worklet.addModule(address),
  ];
  const late = new Promise((done) => setTimeout(done, 200));
  await Promise.allSettled(attempts.map(async (attempt) => Promise.race([attempt(), late])));
"""
"""The password in the address of every other kind of request."""
