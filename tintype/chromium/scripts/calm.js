// Until fonts, images in view and finite animations are done, for at most so many milliseconds; then two frames, so that
// it all is on the screen.
async (bound) => {
  const within = (work) => Promise.race([work, new Promise((done) => setTimeout(done, bound))]);
  const inView = (element) => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  };
  const drawn = async (image) => {
    if (!image.complete) {
      await new Promise((done) => {
        image.addEventListener("load", done, { once: true });
        image.addEventListener("error", done, { once: true });
      });
    }
    await image.decode().catch(() => {});
  };
  const ends = (animation) =>
    animation.playState === "running" && Number.isFinite(animation.effect?.getComputedTiming().endTime);
  const images = [...document.images].slice(0, 1000).filter(inView).map(drawn);
  const animations = document.getAnimations().filter(ends).map((animation) => animation.finished.catch(() => {}));
  await within(Promise.all([document.fonts.ready, ...images, ...animations]));
  await within(new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}
