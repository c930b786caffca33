// Frames are drawn as our time passes, and the page's own may run ahead of it: what waits for a frame is called when two
// frames' time of the page's has passed, drawn or not, and told the page's time. Runs before the page's own scripts.
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
