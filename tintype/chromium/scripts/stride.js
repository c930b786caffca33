// Go to a height of the page and see it drawn, with what begins to move there at its end; how high the page is.
async (top, longest) => {
  scrollTo({ top, left: 0, behavior: "instant" });
  await new Promise(requestAnimationFrame);
  for (const animation of document.getAnimations()) {
    const { endTime } = animation.effect?.getComputedTiming() ?? {};
    if (animation.playState === "running" && animation.timeline === document.timeline && endTime <= longest) animation.finish();
  }
  return Math.max(document.documentElement.scrollHeight, document.body?.scrollHeight ?? 0);
}
