// Scroll to a height in CSS pixels, or to the first element that matches a selector; null if no element matches.
// Returns {height}: that of the page. With maxAnimationMs it first waits for a frame and finishes the animations that last
// at most so long, so that what begins to move at this height is drawn at its end.
async (target, { maxAnimationMs } = {}) => {
  if (/^[0-9]+$/.test(target)) {
    scrollTo({ top: Number(target), left: 0, behavior: "instant" });
  } else {
    const element = document.querySelector(target);
    if (!element) return null;
    element.scrollIntoView({ block: "start", behavior: "instant" });
  }
  if (maxAnimationMs !== undefined) {
    await new Promise(requestAnimationFrame);
    for (const animation of document.getAnimations()) {
      const { endTime } = animation.effect?.getComputedTiming() ?? {};
      const runs = animation.playState === "running" && animation.timeline === document.timeline;
      if (runs && endTime <= maxAnimationMs) animation.finish();
    }
  }
  return { height: Math.max(document.documentElement?.scrollHeight ?? 0, document.body?.scrollHeight ?? 0) };
}
