// Calls animation frames by the page's virtual time as well. Chromium draws frames in real time, and virtual time may run
// ahead: each callback is called after 34 ms of the page's time (two frames), drawn or not, with the page's time.
// Runs before the page's own scripts.
(() => {
  const { requestAnimationFrame, cancelAnimationFrame, setTimeout, clearTimeout } = window;
  const now = performance.now.bind(performance);
  const timers = new Map();
  const cancel = (frame) => {
    clearTimeout(timers.get(frame));
    timers.delete(frame);
    cancelAnimationFrame.call(window, frame);
  };
  window.cancelAnimationFrame = cancel;
  window.requestAnimationFrame = (callback) => {
    if (typeof callback !== "function") return requestAnimationFrame.call(window, callback); // throws as ever
    const call = () => {
      cancel(frame);
      callback(now());
    };
    const frame = requestAnimationFrame.call(window, call);
    timers.set(frame, setTimeout(call, 34));
    return frame;
  };
})();
