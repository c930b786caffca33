// Lets loops end that wait for a time by reading the clock. Virtual time stands still while a script runs, so such a loop
// would never end. After 100,000 readings of the same time each further one adds 0.05 ms, until the clock is ahead of it.
// Runs before the page's own scripts.
(() => {
  const STUCK = 100_000;
  const STEP = 0.05;
  const ticking = (read) => {
    let last = -Infinity;
    let shown = -Infinity;
    let repeats = 0;
    return () => {
      const time = read();
      if (time !== last) {
        last = time;
        repeats = 0;
      } else if (++repeats > STUCK) {
        shown = Math.max(shown, time) + STEP;
      }
      return Math.max(shown, time);
    };
  };
  const wrap = (owner, name, call) => {
    const descriptor = Object.getOwnPropertyDescriptor(owner, name);
    if (descriptor?.configurable) Object.defineProperty(owner, name, { ...descriptor, value: new Proxy(descriptor.value, { apply: call }) });
  };
  const NativeDate = Date;
  const date = ticking(NativeDate.now.bind(NativeDate));
  const elapsed = ticking(performance.now.bind(performance));
  wrap(NativeDate, "now", () => Math.floor(date()));
  wrap(Performance.prototype, "now", (now, self, values) => (self === performance ? elapsed() : Reflect.apply(now, self, values)));
  const construct = (target, values, as) => Reflect.construct(target, values.length ? values : [Math.floor(date())], as);
  const apply = () => new NativeDate(Math.floor(date())).toString();
  window.Date = new Proxy(NativeDate, { construct, apply });
  Object.defineProperty(NativeDate.prototype, "constructor", { value: window.Date, writable: true, configurable: true });
})();
