// Until fonts and images in view are there; then two frames, so that it all is on the screen.
async () => {
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
  const images = [...document.images].slice(0, 1000).filter(inView).map(drawn);
  await Promise.all([document.fonts.ready, ...images]);
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}
