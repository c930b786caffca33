// Until fonts, images and videos in view are there; then two frames, so that it all is on the screen. How many milliseconds
// of its own time the page needs to stand still: 0 when it does, as far as can be seen.
async () => {
  const inView = (element) => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  };
  const event = (element, ...names) =>
    new Promise((done) => names.forEach((name) => element.addEventListener(name, done, { once: true })));
  const drawn = async (image) => {
    if (!image.complete) await event(image, "load", "error");
    await image.decode().catch(() => {});
  };
  const moving = async (video) => {
    const coming = video.networkState === HTMLMediaElement.NETWORK_LOADING && video.preload !== "none";
    if (coming && video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) await event(video, "loadeddata", "error", "abort");
  };
  const some = (elements) => [...elements].slice(0, 1000).filter(inView);
  const there = [...some(document.images).map(drawn), ...some(document.querySelectorAll("video")).map(moving)];
  await Promise.all([document.fonts.ready, ...there]);

  let changes = 0;
  const watch = new MutationObserver((records) => (changes += records.length));
  watch.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  watch.disconnect();

  const left = document.getAnimations().map((animation) => {
    const { endTime } = animation.effect?.getComputedTiming() ?? {};
    const moves = animation.playState === "running" && animation.playbackRate > 0 && Number.isFinite(endTime);
    return moves ? (endTime - animation.currentTime) / animation.playbackRate : 0;
  });
  return Math.ceil(Math.max(changes ? 300 : 0, ...left.filter(Number.isFinite)));
}
