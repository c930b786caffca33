// Scroll to a height in CSS pixels, or to the first element that matches a selector; null if no element matches. A height
// counts in the element that scrolls in place of the document, if the document does not scroll.
// Returns {height}: that of the page. With maxAnimationMs it first waits for a frame and finishes the animations that last
// at most so long, so that what begins to move at this height is drawn at its end.
async (target, { maxAnimationMs } = {}) => {
  const { documentElement: root, body } = document;
  const isScroller = (element) => {
    const { width, height } = element.getBoundingClientRect();
    const scrolls = /auto|scroll|overlay/.test(getComputedStyle(element).overflowY);
    return scrolls && element.scrollHeight > element.clientHeight + 1 && width > innerWidth / 2 && height > innerHeight / 2;
  };
  const innerScroller = () => {
    for (const part of [0.5, 0.3, 0.7]) {
      for (let at = document.elementFromPoint(innerWidth / 2, innerHeight * part); at && at !== root; at = at.parentElement) {
        if (isScroller(at)) return at;
      }
    }
    return null;
  };
  if (/^[0-9]+$/.test(target)) {
    const top = Number(target);
    const inside = top && maxAnimationMs === undefined && root && root.scrollHeight <= innerHeight + 1 ? innerScroller() : null;
    (inside ?? window).scrollTo({ top, left: 0, behavior: "instant" });
  } else {
    const element = deepQuery(target).find((each) => each.getClientRects().length);
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
  return { height: Math.max(root?.scrollHeight ?? 0, body?.scrollHeight ?? 0) };
}
