// Attaches a frame for a moment when a script gives a password to a request by its URL or by arguments: the daemon sees frames,
// and no script of the page can hide them. Runs before the page's own scripts.
() => {
  const { URL, XMLHttpRequest, WebSocket } = window;
  const { apply, construct } = Reflect;
  const getterOf = ({ prototype }, name) => Object.getOwnPropertyDescriptor(prototype, name).get;
  const [baseOf, rootOf] = [getterOf(Node, "baseURI"), getterOf(Document, "documentElement")];
  const [userOf, passwordOf] = [getterOf(URL, "username"), getterOf(URL, "password")];
  const { createElementNS } = Document.prototype;
  const { appendChild } = Node.prototype;
  const { remove } = Element.prototype;
  const report = () => {
    const frame = apply(createElementNS, document, ["http://www.w3.org/1999/xhtml", "iframe"]);
    apply(appendChild, apply(rootOf, document, []) ?? document, [frame]);
    apply(remove, frame, []);
  };
  const check = (address) => {
    try {
      const url = new URL(address, apply(baseOf, document, []));
      if (apply(userOf, url, []) || apply(passwordOf, url, [])) report();
    } catch {} // the request throws as well
  };
  const withText = (values, index) => {
    const copy = [...values];
    if (typeof copy[index] === "object" && copy[index]) copy[index] = `${copy[index]}`; // read once, as the request does
    return copy;
  };
  const open = Object.getOwnPropertyDescriptor(XMLHttpRequest.prototype, "open");
  Object.defineProperty(XMLHttpRequest.prototype, "open", { ...open, value: new Proxy(open.value, {
    apply: (native, self, values) => {
      const copy = withText(values, 1);
      if ((copy[3] ?? copy[4] ?? null) !== null) report();
      else check(copy[1]);
      return apply(native, self, copy);
    },
  }) });
  const socket = Object.getOwnPropertyDescriptor(window, "WebSocket");
  const wrapped = new Proxy(WebSocket, {
    construct: (native, values, as) => {
      const copy = withText(values, 0);
      check(copy[0]);
      return construct(native, copy, as === wrapped ? native : as);
    },
  });
  Object.defineProperty(window, "WebSocket", { ...socket, value: wrapped });
  Object.defineProperty(WebSocket.prototype, "constructor", { value: wrapped, writable: true, configurable: true });
}
