// Frames carry our time while the page's own runs ahead: tell animations the page's. Runs before the page's own scripts.
(() => {
  const { requestAnimationFrame } = window;
  const now = performance.now.bind(performance);
  window.requestAnimationFrame = (callback) => requestAnimationFrame.call(window, () => callback(now()));
})();
