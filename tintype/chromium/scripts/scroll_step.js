// Scroll the document (index -1) or an element of find_scroller.js to a height in CSS pixels, wait for a frame, and finish the
// animations that last at most maxAnimationMs, so that what begins to move at this height is drawn at its end. Returns the
// scrolled height and the height of one screen.
async (index, top, maxAnimationMs) => {
  const { documentElement: root, body } = document;
  const element = globalThis.scrollers?.[index]?.element;
  const scale = scaleOf(element);
  if (element) element.scrollTo({ top: top / scale, behavior: "instant" });
  else scrollTo({ top, left: 0, behavior: "instant" });
  await new Promise(requestAnimationFrame);
  for (const animation of document.getAnimations()) {
    const { endTime } = animation.effect?.getComputedTiming() ?? {};
    const runs = animation.playState === "running" && animation.timeline === document.timeline;
    if (runs && endTime <= maxAnimationMs) animation.finish();
  }
  if (element) return { height: element.scrollHeight * scale, screen: element.clientHeight * scale };
  return { height: Math.max(root?.scrollHeight ?? 0, (body?.scrollHeight ?? 0) * scaleOf(body)), screen: innerHeight };
}
