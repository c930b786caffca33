// Counts the work that a page waits for and that virtual time cannot see: databases, caches, cryptography, compilation,
// decoding, workers, sockets, streams, polling. Runs in every frame before the page's own scripts; frames report to the
// main frame. The daemon reads the counts from globalThis[Symbol.for(key)].
(key) => {
  const symbol = Symbol.for(key);
  const apply = Reflect.apply;
  const then = Promise.prototype.then;
  const listen = EventTarget.prototype.addEventListener;
  const now = performance.now.bind(performance);
  const post = window.postMessage;

  // operations: promises and requests under way. silent: channels that have delivered nothing since they were opened or
  // last asked. open: channels that may still deliver. activity: changes so far. polling: an address requested again.
  // loading: requests of scripts without an answer. connecting: sockets that are not open yet. asked: workers that have
  // never answered, and to whose messages the page listens. workers: dedicated workers. Frames of other sites report
  // none of the last four. closed: shadow trees that no script can reach, those of frames not counted. graphics: documents that
  // draw by WebGL.
  const counts = { operations: 0, silent: 0, open: 0, activity: 0, polling: 0, loading: 0, connecting: 0, asked: 0, workers: 0, closed: 0, graphics: 0 };
  const add = (name, change) => {
    counts[name] += change;
    counts.activity++;
  };
  let report = add;
  if (window !== window.top) {
    const own = {};
    let shared;
    try {
      shared = window.top[symbol];
    } catch {}
    const OF_CLOCK = ["operations", "silent", "open", "activity", "polling", "graphics"];
    const send = shared ? shared.add : (name, change) =>
      OF_CLOCK.includes(name) && apply(post, window.top, [{ [key]: [name, change] }, "*"]);
    report = (name, change) => {
      own[name] = (own[name] ?? 0) + change;
      send(name, change);
    };
    apply(listen, window, ["pagehide", () => {
      for (const name in own) if (name !== "activity" && name !== "polling" && own[name]) report(name, -own[name]);
    }]);
  } else {
    Object.defineProperty(window, symbol, { value: { counts, add } });
    const receive = (event) => {
      const change = event.data?.[key];
      if (!change) return;
      event.stopImmediatePropagation();
      if (change[0] in counts) add(change[0], Number(change[1]) || 0);
    };
    apply(listen, window, ["message", receive, true]);
  }

  const begin = (name) => {
    let ended = false;
    report(name, 1);
    return () => {
      if (!ended) report(name, -1);
      ended = true;
    };
  };
  const watch = (promise) => {
    const end = begin("operations");
    if (promise instanceof Promise) apply(then, promise, [end, end]);
    else end();
    return promise;
  };
  const until = (target, names) => {
    const end = begin("operations");
    names.forEach((name) => apply(listen, target, [name, end]));
    return target;
  };
  const wrap = (owner, name, call) => {
    const descriptor = owner && Object.getOwnPropertyDescriptor(owner, name);
    if (typeof descriptor?.value !== "function" || !descriptor.configurable) return;
    const handler = { apply: (method, self, values) => call(() => apply(method, self, values), self, values) };
    Object.defineProperty(owner, name, { ...descriptor, value: new Proxy(descriptor.value, handler) });
  };
  const construct = (name, made) => {
    const descriptor = Object.getOwnPropertyDescriptor(window, name);
    if (typeof descriptor?.value !== "function") return;
    const original = descriptor.value;
    const value = new Proxy(original, {
      construct: (target, values, as) => {
        const instance = Reflect.construct(target, values, as);
        made(instance, values);
        return instance;
      },
    });
    Object.defineProperty(window, name, { ...descriptor, value });
    Object.defineProperty(original.prototype, "constructor", { value, writable: true, configurable: true });
  };

  wrap(window.Element?.prototype, "attachShadow", (call, element, values) => {
    if (values[0]?.mode === "closed") counts.closed++;
    return call();
  });
  const PROMISES = {
    Blob: ["arrayBuffer", "bytes", "text"],
    BaseAudioContext: ["decodeAudioData"],
    Cache: ["add", "addAll", "delete", "keys", "match", "matchAll", "put"],
    CacheStorage: ["delete", "has", "keys", "match", "open"],
    CookieStore: ["delete", "get", "getAll", "set"],
    FileSystemDirectoryHandle: ["getDirectoryHandle", "getFileHandle", "removeEntry", "resolve"],
    FileSystemFileHandle: ["createWritable", "getFile"],
    FileSystemWritableFileStream: ["seek", "truncate", "write"],
    FontFace: ["load"],
    FontFaceSet: ["load"],
    GPU: ["requestAdapter"],
    GPUAdapter: ["requestDevice"],
    HTMLImageElement: ["decode"],
    ImageDecoder: ["decode"],
    MediaCapabilities: ["decodingInfo", "encodingInfo"],
    NavigatorUAData: ["getHighEntropyValues"],
    OfflineAudioContext: ["startRendering"],
    OffscreenCanvas: ["convertToBlob"],
    Permissions: ["query"],
    Request: ["arrayBuffer", "blob", "bytes", "formData", "json", "text"],
    Response: ["arrayBuffer", "blob", "bytes", "formData", "json", "text"],
    SVGImageElement: ["decode"],
    ServiceWorkerContainer: ["getRegistration", "getRegistrations"],
    StorageManager: ["estimate", "getDirectory", "persist", "persisted"],
    WritableStream: ["abort", "close"],
    WritableStreamDefaultWriter: ["close", "write"],
    SubtleCrypto: Object.getOwnPropertyNames(window.SubtleCrypto?.prototype ?? {}).filter((name) => name !== "constructor"),
  };
  for (const [name, methods] of Object.entries(PROMISES)) {
    for (const method of methods) wrap(window[name]?.prototype, method, (call) => watch(call()));
  }
  for (const name of ["compile", "compileStreaming", "instantiate", "instantiateStreaming"]) {
    wrap(window.WebAssembly, name, (call) => watch(call()));
  }
  wrap(window, "createImageBitmap", (call) => watch(call()));
  for (const name of ["open", "deleteDatabase"]) {
    wrap(window.IDBFactory?.prototype, name, (call) => until(call(), ["success", "error", "blocked"]));
  }
  wrap(window.IDBFactory?.prototype, "databases", (call) => watch(call()));
  wrap(window.IDBDatabase?.prototype, "transaction", (call) => until(call(), ["complete", "abort", "error"]));
  for (const name of ["readAsArrayBuffer", "readAsBinaryString", "readAsDataURL", "readAsText"]) {
    wrap(window.FileReader?.prototype, name, (call, reader) => (call(), until(reader, ["loadend"]), undefined));
  }
  wrap(window.HTMLCanvasElement?.prototype, "toBlob", (call, canvas, values) => {
    const [callback] = values;
    if (typeof callback !== "function") return call();
    const end = begin("operations");
    values[0] = (blob) => {
      end();
      callback(blob);
    };
    return call();
  });

  // WebGL: the GPU process needs real time to draw.
  let graphics = false;
  for (const name of ["HTMLCanvasElement", "OffscreenCanvas"]) {
    wrap(window[name]?.prototype, "getContext", (call, canvas, [kind]) => {
      const context = call();
      if (context && /webgl/.test(String(kind)) && !graphics) {
        graphics = true;
        report("graphics", 1);
        window.dispatchEvent(new Event(`${key}-graphics`));
      }
      return context;
    });
  }

  // A view transition that is being prepared: its animations begin after a frame of the old state and one of the new state.
  for (const name of ["Document", "Element"]) {
    wrap(window[name]?.prototype, "startViewTransition", (call) => {
      const transition = call();
      if (transition?.ready) watch(transition.ready);
      return transition;
    });
  }

  // A service worker that is being installed: the page may wait until it is in control.
  const follow = (worker) => {
    if (!worker || worker.state === "activated" || worker.state === "redundant") return;
    const end = begin("operations");
    const check = () => (worker.state === "activated" || worker.state === "redundant") && setTimeout(end, 50);
    apply(listen, worker, ["statechange", check]);
  };
  wrap(window.ServiceWorkerContainer?.prototype, "register", (call) => {
    const promise = watch(call());
    apply(then, promise, [(made) => [made.installing, made.waiting].forEach(follow), () => {}]);
    return promise;
  });

  // Channels: each delivers messages, some of them in answer to what the page sends.
  const channels = new WeakMap();
  const channel = (target, received, closed) => {
    let silent = begin("silent");
    const close = begin("open");
    const state = {
      sent() {
        silent();
        silent = begin("silent");
      },
      received() {
        silent();
        report("activity", 0);
      },
      close() {
        silent();
        close();
      },
    };
    channels.set(target, state);
    received.forEach((name) => apply(listen, target, [name, state.received]));
    closed.forEach((name) => apply(listen, target, [name, state.close]));
    return state;
  };
  const sends = (owner, name) =>
    wrap(owner, name, (call, target) => {
      channels.get(target)?.sent();
      return call();
    });
  const closes = (owner, name) =>
    wrap(owner, name, (call, target) => {
      channels.get(target)?.close();
      return call();
    });
  // Dedicated workers. A page that does not listen to a worker, or that gave it a canvas or a port, does not wait for it.
  const employed = new WeakMap();
  const employ = (worker) => {
    const state = {
      waits: true,
      answered: undefined,
      end() {
        state.waits = false;
        state.answered?.();
      },
      leave: begin("workers"),
    };
    employed.set(worker, state);
    ["message", "messageerror", "error"].forEach((name) => apply(listen, worker, [name, state.end]));
  };
  const attend = (worker) => {
    const state = employed.get(worker);
    if (state?.waits) state.answered ??= begin("asked");
  };
  const handler = window.Worker && Object.getOwnPropertyDescriptor(window.Worker.prototype, "onmessage");
  if (handler?.configurable && handler.set) {
    const set = new Proxy(handler.set, { apply: (method, worker, values) => (attend(worker), apply(method, worker, values)) });
    Object.defineProperty(window.Worker.prototype, "onmessage", { ...handler, set });
    const value = new Proxy(listen, {
      apply: (method, worker, values) => {
        if (values[0] === "message") attend(worker);
        return apply(method, worker, values);
      },
    });
    Object.defineProperty(window.Worker.prototype, "addEventListener", { value, writable: true, configurable: true });
  }
  wrap(window.Worker?.prototype, "postMessage", (call, worker, values) => {
    const transferred = [values[1]?.transfer ?? values[1] ?? []].flat();
    const elsewhere = transferred.some((one) => one instanceof MessagePort || one instanceof OffscreenCanvas);
    if (elsewhere) employed.get(worker)?.end();
    return call();
  });
  wrap(window.Worker?.prototype, "terminate", (call, worker) => {
    employed.get(worker)?.end();
    employed.get(worker)?.leave();
    return call();
  });

  construct("WebSocket", (socket) => {
    channel(socket, ["message"], ["close", "error"]);
    const end = begin("connecting");
    ["open", "close", "error"].forEach((name) => apply(listen, socket, [name, end]));
  });
  construct("EventSource", (source) => channel(source, ["message"], ["error"]));
  construct("Worker", (worker) => {
    channel(worker, ["message", "messageerror"], ["error"]);
    employ(worker);
  });
  construct("SharedWorker", (worker) => channel(worker.port, ["message", "messageerror"], []));
  sends(window.Worker?.prototype, "postMessage");
  sends(window.MessagePort?.prototype, "postMessage");
  closes(window.Worker?.prototype, "terminate");
  closes(window.WebSocket?.prototype, "close");
  closes(window.EventSource?.prototype, "close");

  // Streams: a read that waits for the next piece of a body.
  const reads = (owner, name) =>
    wrap(owner, name, (call) => {
      const ends = [begin("open"), begin("silent")];
      const promise = call();
      const end = () => ends.forEach((one) => one());
      if (promise instanceof Promise) apply(then, promise, [end, end]);
      else end();
      return promise;
    });
  reads(window.ReadableStreamDefaultReader?.prototype, "read");
  reads(window.ReadableStreamBYOBReader?.prototype, "read");
  reads(window.ReadableStream?.prototype, "pipeTo");
  const iterate = window.ReadableStream?.prototype[Symbol.asyncIterator];
  if (iterate) {
    const iterator = Object.getPrototypeOf(apply(iterate, new ReadableStream(), []));
    reads(iterator, "next");
  }

  // Polling: the same address again after a pause. A random number or a time in the query makes no other address.
  const requested = new Map();
  const answered = new Set();
  const plain = (address) => String(address?.url ?? address).replace(/\d{9,}|0\.\d{6,}/g, "");
  const poll = (url) => {
    const before = requested.get(url);
    if (before !== undefined && now() - before >= 100) report("polling", 1);
    if (requested.size < 500) requested.set(url, now());
  };
  const request = (url, awaited) => {
    const end = awaited && !answered.has(url) && !HELD.test(url) ? begin("loading") : () => {};
    return () => {
      end();
      if (answered.size < 500) answered.add(url);
    };
  };

  // Requests that a server answers late by nature: long polling, by its usual names.
  const HELD = new RegExp(
    "[/_.-](long-?)?poll(ing)?\\b"
      + "|[/_.-](comet|cometd|bayeux|faye|signalr|socket\\.io|sockjs|engine\\.io|xhr_streaming|listen|subscribe|presence|heartbeat"
      + "|keep-?alive|ping|realtime|push|notifications|beacon|collect|telemetry|analytics)([/?.&;]|$)"
      + "|[?&](feed=longpoll|transport=|since=|last_?event_?id=|_?poll)", "i");
  const settings = (source) => {
    const found = {};
    if (source === null || typeof source !== "object") return found;
    for (const name of ["method", "keepalive", "mode"]) if (source[name] !== undefined) found[name] = source[name];
    return found;
  };
  wrap(window, "fetch", (call, self, values) => {
    const url = plain(values[0]);
    const { method = "GET", keepalive, mode } = { ...settings(values[0]), ...settings(values[1]) };
    if (String(method).toUpperCase() !== "POST") poll(url);
    const promise = call();
    if (promise instanceof Promise) {
      const end = request(url, !keepalive && mode !== "no-cors");
      apply(then, promise, [end, end]);
    }
    return promise;
  });
  const opened = new WeakMap();
  wrap(window.XMLHttpRequest?.prototype, "open", (call, target, values) => {
    const url = plain(values[1]);
    if (String(values[0]).toUpperCase() !== "POST") poll(url);
    opened.set(target, url);
    return call();
  });
  wrap(window.XMLHttpRequest?.prototype, "send", (call, target) => {
    const url = opened.get(target);
    if (url !== undefined) apply(listen, target, ["loadend", request(url, true), { once: true }]);
    return call();
  });
}
