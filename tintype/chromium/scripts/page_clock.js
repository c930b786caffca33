// The clocks that the page reads, and its animation frames. Runs before the page's own scripts, in every frame.
//
// Reading: virtual time stands still while a script runs, so a loop that waits for a time by reading the clock would never
// end. After 100,000 readings of the same time each further one adds 0.05 ms, until the clock is ahead of it. The first
// reading is a full second after the document began, so that loops which count from it begin at the same time in each capture.
//
// Frames: Chromium draws frames in real time, and virtual time may run ahead. Each callback is called after 34 ms of the
// page's time (two frames), drawn or not, with the page's time; but after the page has begun to draw by WebGL only when it is
// drawn, because Chromium hangs if a page draws by WebGL many times without showing it. A loop of more than 10 frames gets no more than that, so that
// the number of its frames follows the time and not the speed of the machine.
//
// Hold: before the screenshot, an event named key + "-hold" from the isolated world brings loops of frames to a moment that
// is the same in each capture. Each loop is called until it has had a multiple of 300 frames, at times that end at a multiple
// of 10 s; then no frame follows. The detail of the event is the number of frames that it may call; it is cancelled while some
// are left. With WebGL one frame at that time is called.
//
// Due: an event named key + "-due" from the isolated world is cancelled if no timer is due within as many milliseconds as its
// detail says, and no animation frame or idle callback is pending.
(key) => {
  const STUCK = 100_000;
  const STEP = 0.05;
  const FRAMES = 300;
  const LEAST_FRAMES = 40; // so that no frame lasts long, even if a loop has just passed a multiple
  const MOMENT = 10_000;

  const FIRST = 1000;
  const BETWEEN = 34;
  const UNLIMITED_FRAMES = 10;

  const LONGEST = 2 ** 31 - 1; // milliseconds; a timer with more is due at once
  const PASSED = 100; // milliseconds after which a timer whose call is not seen has been called

  let ahead = null; // milliseconds of the visible clocks before those of Chromium; null before the first reading
  const ticking = (read) => {
    let last = -Infinity;
    let shown = -Infinity;
    let repeats = 0;
    return () => {
      ahead ??= FIRST - (now() % FIRST);
      const time = read();
      if (time !== last) {
        last = time;
        repeats = 0;
      } else if (++repeats > STUCK) {
        shown = Math.max(shown, time) + STEP;
      }
      return Math.max(shown, time) + ahead;
    };
  };
  const wrap = (owner, name, call) => {
    const descriptor = owner && Object.getOwnPropertyDescriptor(owner, name);
    if (descriptor?.configurable) Object.defineProperty(owner, name, { ...descriptor, value: new Proxy(descriptor.value, { apply: call }) });
  };
  const NativeDate = Date;
  const now = performance.now.bind(performance);
  const date = ticking(NativeDate.now.bind(NativeDate));
  const elapsed = ticking(now);
  const visible = () => now() + (ahead ??= FIRST - (now() % FIRST));
  wrap(NativeDate, "now", () => Math.floor(date()));
  wrap(Performance.prototype, "now", (native, self, values) => (self === performance ? elapsed() : Reflect.apply(native, self, values)));
  const construct = (target, values, as) => Reflect.construct(target, values.length ? values : [Math.floor(date())], as);
  const apply = () => new NativeDate(Math.floor(date())).toString();
  window.Date = new Proxy(NativeDate, { construct, apply });
  Object.defineProperty(NativeDate.prototype, "constructor", { value: window.Date, writable: true, configurable: true });

  const { requestAnimationFrame, cancelAnimationFrame, setTimeout, clearTimeout, reportError } = window;
  const timers = new Map(); // by id: when it is due, and the milliseconds between its calls if it repeats
  const milliseconds = (delay) => {
    const number = typeof delay === "number" || typeof delay === "string" ? Math.max(0, Number(delay) || 0) : 0;
    return number > LONGEST ? 0 : number;
  };
  for (const [name, repeats] of [["setTimeout", false], ["setInterval", true]]) {
    wrap(window, name, (native, self, values) => {
      const [callback, delay] = values;
      const due = now() + milliseconds(delay);
      const call = function (...rest) {
        timers.delete(id);
        return Reflect.apply(callback, this, rest);
      };
      const ends = !repeats && typeof callback === "function"; // the source of a function given as text stays in the map
      const id = Reflect.apply(native, self, ends ? [call, ...values.slice(1)] : values);
      timers.set(id, { due, every: repeats ? Math.max(1, milliseconds(delay)) : 0, ends });
      return id;
    });
  }
  for (const name of ["clearTimeout", "clearInterval"]) {
    wrap(window, name, (native, self, values) => {
      timers.delete(Number(typeof values[0] === "object" ? NaN : values[0]));
      return Reflect.apply(native, self, values);
    });
  }
  const later = (delay) => timers.set({}, { due: now() + milliseconds(delay), every: 0, ends: false });
  wrap(window.Scheduler?.prototype, "postTask", (native, self, values) => {
    if (values[1]?.delay) later(values[1].delay);
    return Reflect.apply(native, self, values);
  });
  wrap(window.AbortSignal, "timeout", (native, self, values) => {
    later(values[0]);
    return Reflect.apply(native, self, values);
  });
  const idle = new Set();
  wrap(window, "requestIdleCallback", (native, self, values) => {
    const [callback, ...rest] = values;
    if (typeof callback !== "function") return Reflect.apply(native, self, values); // throws as ever
    const call = function (deadline) {
      idle.delete(id);
      return Reflect.apply(callback, this, [deadline]);
    };
    const id = Reflect.apply(native, self, [call, ...rest]);
    idle.add(id);
    return id;
  });
  wrap(window, "cancelIdleCallback", (native, self, values) => {
    idle.delete(values[0]);
    return Reflect.apply(native, self, values);
  });
  const isDue = ({ due, every, ends }, within) => {
    const time = now();
    if (!every) return due <= time + within && (ends || due > time - PASSED);
    return due + Math.max(0, Math.ceil((time - due) / every)) * every <= time + within;
  };
  const request = requestAnimationFrame.bind(window);
  const pending = new Map(); // by id of the frame: callback, timer, id of the frame that is drawn next, count of frames in
  // this loop, and its last count
  let calling = { count: 0, last: Infinity }; // the callback that is being called
  const take = (id) => {
    const frame = pending.get(id);
    if (frame) clearTimeout.call(window, frame.timer);
    pending.delete(id);
    cancelAnimationFrame.call(window, frame?.drawn ?? id);
    return frame;
  };
  const run = (id, time) => {
    const frame = take(id);
    if (!frame) return;
    calling = frame;
    try {
      frame.callback.call(window, time);
    } catch (error) {
      reportError.call(window, error);
    } finally {
      calling = { count: 0, last: held ? 0 : Infinity };
    }
  };
  let held = false;
  let hasGraphics = false;
  window.addEventListener(`${key}-graphics`, (event) => {
    event.stopImmediatePropagation();
    hasGraphics = true;
  });
  wrap(window, "cancelAnimationFrame", (native, self, [id]) => void take(id));
  wrap(window, "requestAnimationFrame", (native, self, values) => {
    const [callback] = values;
    if (typeof callback !== "function") return Reflect.apply(native, self, values); // throws as ever
    if (calling.count >= calling.last) return request(() => {});
    const call = () => run(id, visible());
    const { count, last } = calling;
    const begin = now();
    const isEarly = () => count >= UNLIMITED_FRAMES && now() - begin < BETWEEN - 4;
    const callAhead = () => hasGraphics || call();
    const draw = () => (isEarly() ? (pending.get(id).drawn = request(draw)) : call());
    const id = request(draw);
    pending.set(id, { callback, timer: setTimeout.call(window, callAhead, BETWEEN), drawn: id, count: count + 1, last });
    return id;
  });

  window.addEventListener(`${key}-due`, (event) => {
    event.stopImmediatePropagation();
    const isPending = pending.size > 0 || idle.size > 0;
    if (!isPending && ![...timers.values()].some((timer) => isDue(timer, event.detail))) event.preventDefault();
  });

  let left = 0; // frames until the moment
  let frame = 0; // milliseconds of each
  const begin = () => {
    held = true;
    calling.last = 0;
    for (const loop of pending.values()) {
      loop.last = hasGraphics ? loop.count : Math.ceil((loop.count - 1 + LEAST_FRAMES) / FRAMES) * FRAMES;
      left = Math.max(left, loop.last - loop.count + 1);
    }
    const time = visible();
    frame = (Math.ceil((time + 1) / MOMENT) * MOMENT - time) / left;
  };
  window.addEventListener(`${key}-hold`, (event) => {
    event.stopImmediatePropagation();
    if (!held) begin();
    for (let i = 0; i < event.detail && left > 0; i++, left--) {
      ahead += frame;
      const time = visible();
      for (const [id, { count, last }] of [...pending]) if (last - count + 1 >= left) run(id, time);
      if (!pending.size) left = 1;
    }
    if (left > 0) event.preventDefault();
  });
}
