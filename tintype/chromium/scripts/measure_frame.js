// The height of the document in a frame; 0 if a visitor cannot scroll it. At its first call records the heights of all that is
// about as tall as the viewport, for keep_heights.js.
() => {
  const { documentElement: root, body } = document;
  if (!root || !body) return 0;
  if (!globalThis.heights) {
    globalThis.heights = new Map();
    for (const element of [...body.querySelectorAll("*")].slice(0, 20000)) {
      const { offsetHeight } = element;
      if (offsetHeight > innerHeight * 0.3) globalThis.heights.set(element, offsetHeight);
    }
  }
  const { overflowY } = getComputedStyle(root);
  if (/hidden|clip/.test(overflowY === "visible" ? getComputedStyle(body).overflowY : overflowY)) return 0;
  return Math.max(root.scrollHeight, body.localName === "frameset" ? 0 : body.scrollHeight);
}
