// Analytics: counts the page at once, its timings after load, and the visit while it lasts.
start(0.6);
const client = Array.from(crypto.getRandomValues(new Uint32Array(2))).join(".");
const describe = () => ({
  client, url: location.href, title: document.title, referrer: document.referrer, language: navigator.language,
  screen: [screen.width, screen.height, screen.colorDepth, devicePixelRatio], view: [innerWidth, innerHeight],
  cores: navigator.hardwareConcurrency, zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
});
const send = (name, more) => navigator.sendBeacon(at("analytics", `collect?event=${name}`), JSON.stringify({ ...describe(), ...more }));
document.cookie = `visit=${client}; max-age=3600; path=/`;
send("page_view", {});
const entries = [];
for (const type of ["largest-contentful-paint", "layout-shift", "longtask", "paint"]) {
  new PerformanceObserver((list) => entries.push(...list.getEntries().map(({ name, startTime, duration }) => ({ name, startTime, duration }))))
    .observe({ type, buffered: true });
}
addEventListener("load", () => setTimeout(() => {
  const [page] = performance.getEntriesByType("navigation");
  const slowest = performance.getEntriesByType("resource").sort((one, other) => other.duration - one.duration).slice(0, 20);
  send("timing", { page: page.toJSON(), slowest: slowest.map((each) => each.toJSON()), entries });
}, 0));
setTimeout(() => fetch(at("analytics", "collect?event=engaged"), { method: "POST", mode: "no-cors", body: JSON.stringify(describe()), keepalive: true }), 1000);
