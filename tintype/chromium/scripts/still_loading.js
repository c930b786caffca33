// Whether something that a visitor would see is still loading: images and frames in view, backgrounds, fonts, style sheets,
// scripts of the page's own origin. For a page that has loaded for longer than a capture waits.
() => {
  const inView = (element) => {
    if (element === document.body) return true; // its background fills the view
    const box = element.getBoundingClientRect();
    const within = box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
    return within && box.width > 1 && box.height > 1 && element.checkVisibility({ visibilityProperty: true });
  };
  const all = (selector, most = 1000) => [...document.querySelectorAll(selector)].slice(0, most);
  if (document.fonts.status === "loading" || all("img").some((image) => !image.complete && inView(image))) return true;
  const entries = performance.getEntriesByType("resource");
  if (entries.length >= 250) return false; // the buffer of entries is full
  const finished = new Set(entries.map(({ name }) => name));
  const pending = (url) => /^https?:/.test(url) && !finished.has(url.split("#")[0]) && !finished.has(url);
  const backgrounds = (element) =>
    [...getComputedStyle(element).backgroundImage.matchAll(/url\("([^"]{1,2000})"\)/g)].map(([, url]) => url);
  const styles = all("link[rel~=stylesheet][href]", 100);
  const scripts = all("script[src]", 200);
  return styles.some((link) => !link.sheet && !link.disabled && matchMedia(link.media).matches && pending(link.href))
    || scripts.some((script) => new URL(script.src).origin === location.origin && pending(script.src))
    || all("iframe[src],frame[src]", 30).some((frame) => pending(frame.src) && inView(frame))
    || all("html, body, body *").some((element) => inView(element) && backgrounds(element).some(pending));
}
