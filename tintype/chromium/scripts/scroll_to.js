// Scroll to a height in CSS pixels, or to the first element that matches a selector; null if no element matches. A height
// counts in the element that scrolls in place of the document, if the document does not scroll.
// Returns true otherwise.
(target) => {
  const { documentElement: root } = document;
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
    const inside = top && root && root.scrollHeight <= innerHeight + 1 ? innerScroller() : null;
    (inside ?? window).scrollTo({ top: top / scaleOf(inside), left: 0, behavior: "instant" });
  } else {
    const element = deepQuery(target).find((each) => each.getClientRects().length);
    if (!element) return null;
    element.scrollIntoView({ block: "start", behavior: "instant" });
  }
  return true;
}
