// Restore what lies mostly below the viewport and was seen while it was in view: classes and styles that the page has taken back,
// and animations that follow the position in the viewport, each as if its element were in the middle.
(maxAnimationMs) => {
  const lost = [...(globalThis.seen ?? [])].filter(([element, { opacity, height }]) => {
    if (!element.isConnected) return false;
    const { top, bottom } = element.getBoundingClientRect();
    if (Math.min(bottom, innerHeight) - Math.max(top, 0) > height / 2) return false;
    const now = getComputedStyle(element);
    return now.opacity < opacity - 0.05 || now.visibility !== "visible" || now.display === "none";
  });
  for (const [element, before] of lost) {
    for (const name of ["class", "style"]) {
      if (before[name] === null) element.removeAttribute(name);
      else element.setAttribute(name, before[name]);
    }
  }
  for (const [element] of lost) {
    for (const animation of element.getAnimations()) {
      const { endTime } = animation.effect?.getComputedTiming() ?? {};
      if (animation.timeline === document.timeline && endTime <= maxAnimationMs) animation.finish();
    }
  }
  const page = document.scrollingElement;
  for (const animation of document.getAnimations()) {
    const { timeline, startTime, effect } = animation;
    const follows = typeof ViewTimeline === "function" && timeline instanceof ViewTimeline && timeline.source === page;
    if (!follows || !timeline.currentTime || !/^(block|y)$/.test(timeline.axis)) continue;
    const length = (timeline.subject ?? effect.target).offsetHeight + innerHeight;
    const last = timeline.currentTime.value + ((page.scrollHeight - innerHeight - scrollY) / length) * 100;
    const middle = Math.max(timeline.currentTime.value, Math.min(50, last));
    animation.pause();
    animation.currentTime = CSS.percent(middle - (startTime?.value ?? 0));
  }
}
