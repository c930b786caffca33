// Whether a visitor can scroll the document sideways: the overflow of the viewport is that of html, or else that of body.
() => {
  const [root, body] = [document.documentElement, document.body].map((element) => element && getComputedStyle(element));
  if (!root) return false;
  const { overflowX } = body && root.overflowX === "visible" && root.overflowY === "visible" ? body : root;
  return overflowX !== "hidden" && overflowX !== "clip";
}
