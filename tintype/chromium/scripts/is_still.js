// Whether nothing will change the page within some milliseconds, so that its time need not be advanced: "still" if no timer,
// no animation frame and no animation is due, nothing plays or loads, there are no frames, and nothing changes while Chromium
// draws once more; "changed" if it has changed since wait_stable.js, and nothing else is due; else "busy". Runs in the isolated
// world of wait_stable.js, and needs page_clock.js.
async (key, milliseconds) => {
  const MOST = 1000; // elements whose backgrounds are looked at
  const trees = deepTrees();
  const all = (selector) => trees.flatMap((tree) => [...tree.querySelectorAll(selector)]);
  const isDue = () => dispatchEvent(new CustomEvent(`${key}-due`, { cancelable: true, detail: milliseconds }));
  const inView = (element) => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  };
  const isLoading = () =>
    document.readyState !== "complete" || document.fonts.status === "loading"
    || all("img").some((image) => !image.complete && inView(image));
  const awaitsFiles = () => {
    const entries = performance.getEntriesByType("resource");
    const finished = new Set(entries.map(({ name }) => name));
    const isPending = (url) => /^https?:/.test(url) && !finished.has(url.split("#")[0]) && !finished.has(url);
    const backgrounds = (element) =>
      [...getComputedStyle(element).backgroundImage.matchAll(/url\("([^"]{1,2000})"\)/g)].map(([, url]) => url);
    return all("script[src]").some(({ src }) => isPending(src)) // also if the buffer of 250 entries is full
      || all("link[rel~=stylesheet][href]").some(({ href }) => isPending(href))
      || firstElements(trees, "*", MOST).some((element) => inView(element) && backgrounds(element).some(isPending)); // boxes cost less than styles
  };
  const moves = () =>
    runningAnimations(trees).length > 0
    || document.activeViewTransition
    || all("animate, animateTransform, animateMotion, set, marquee").length > 0
    || all("video, audio").some(({ paused, autoplay }) => !paused || autoplay);
  const isBusy = () => length > 0 || isDue() || isLoading() || moves();

  if (document.querySelector("meta[http-equiv=refresh i]") || isBusy() || awaitsFiles()) return "busy";
  // wait_stable.js has waited for a frame: what observers of that frame have changed is done before the next one.
  if (window.changes === 0) await new Promise(requestAnimationFrame);
  if (window.changes !== 0) return "changed";
  return isBusy() ? "busy" : "still";
}
