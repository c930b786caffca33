// Wait for images, fonts and videos in the viewport, then finish the animations that end within endMs of their beginning;
// true. False immediately if onlyChanges and nothing has changed since the last call or is moving towards an end. Runs in the
// isolated world: no page sees what it keeps on window.
async (key, endMs, height, onlyChanges) => {
  findClosedRoots(key);
  const ends = ({ effect }) => effect?.getComputedTiming().endTime <= endMs;
  if (onlyChanges && window.changes === 0 && !document.activeViewTransition && !runningAnimations().some(ends)) return false;
  if (window.changes === undefined) {
    const observer = new MutationObserver(() => window.changes++);
    observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  }
  window.changes = 0;

  const inView = (element) => {
    const box = element.getBoundingClientRect();
    const within = box.bottom > 0 && box.top < Math.max(innerHeight, height) && box.right > 0 && box.left < innerWidth;
    return within && box.width > 0;
  };
  const visible = (elements) => [...elements].slice(0, 1000).filter(inView);
  const event = (element, ...names) =>
    new Promise((done) => names.forEach((name) => element.addEventListener(name, done, { once: true })));
  const loaded = async (image) => {
    if (!image.complete) await event(image, "load", "error");
    await image.decode().catch(() => {});
  };
  const started = async (video) => {
    const coming = video.networkState === HTMLMediaElement.NETWORK_LOADING && video.preload !== "none";
    if (coming && video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) await event(video, "loadeddata", "error", "abort");
  };
  const videos = document.querySelectorAll("video");
  await Promise.all([document.fonts.ready, ...visible(document.images).map(loaded), ...visible(videos).map(started)]);

  // Animations follow the clock of frames, which virtual time is about to overtake: finish those that end, in a frame.
  // Later the page would consider them finished while the screen still shows their start.
  await new Promise(requestAnimationFrame);
  window.changes += (await finishTransition(endMs)) + finishAnimations(endMs);
  return true;
}
