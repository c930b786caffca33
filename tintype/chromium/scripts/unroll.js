// Walk down the page so that what loads when it comes into view does, then back to the top.
async (limit) => {
  const pause = (time) => new Promise((done) => setTimeout(done, time));
  const height = () => Math.min(document.documentElement.scrollHeight, limit);
  for (let top = innerHeight; top < height(); top += innerHeight) {
    scrollTo({ top, behavior: "instant" });
    await pause(40);
  }
  scrollTo({ top: 0, behavior: "instant" });
  await pause(40);
}
