// Until what is in view is there, moves no more and is on the screen; then true. False, at once, when only changes are of
// interest and there were none since the last time. This world is ours alone: what is kept on its window no page sees.
async (longest, depth, changed) => {
  if (changed && window.changes === 0) return false;
  if (window.changes === undefined) {
    const watch = new MutationObserver(() => window.changes++);
    watch.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  }
  window.changes = 0;

  const inView = (element) => {
    const box = element.getBoundingClientRect();
    const within = box.bottom > 0 && box.top < Math.max(innerHeight, depth) && box.right > 0 && box.left < innerWidth;
    return within && box.width > 0;
  };
  const some = (elements) => [...elements].slice(0, 1000).filter(inView);
  const event = (element, ...names) =>
    new Promise((done) => names.forEach((name) => element.addEventListener(name, done, { once: true })));
  const drawn = async (image) => {
    if (!image.complete) await event(image, "load", "error");
    await image.decode().catch(() => {});
  };
  const begun = async (video) => {
    const coming = video.networkState === HTMLMediaElement.NETWORK_LOADING && video.preload !== "none";
    if (coming && video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) await event(video, "loadeddata", "error", "abort");
  };
  const videos = document.querySelectorAll("video");
  await Promise.all([document.fonts.ready, ...some(document.images).map(drawn), ...some(videos).map(begun)]);

  // Animations go by the clock of the frames, which the page's own is about to leave behind: those with an end are
  // brought there, in a frame. Afterwards the page would take them for finished while the screen shows their beginning.
  await new Promise(requestAnimationFrame);
  for (const animation of document.getAnimations()) {
    const { endTime } = animation.effect?.getComputedTiming() ?? {};
    const moves = animation.playState === "running" && animation.timeline === document.timeline;
    if (!moves || !(endTime - (animation.currentTime ?? 0) <= longest)) continue;
    animation.finish();
    window.changes++;
  }
  return true;
}
