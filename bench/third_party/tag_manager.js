// Tag manager: runs its library, evaluates its triggers over the document, observes it, and loads another vendor's script.
start(0.4);
const TRIGGERS = Array.from({ length: 40 }, (_, number) => ({
  id: number, selector: ["a", "button", "form", "img", "[id]", "[class]"][number % 6], text: ["buy", "sign", "get", "read"][number % 4],
}));
const layer = (window.dataLayer ??= []);
const pathOf = (element) => {
  const parts = [];
  for (let each = element; each && each !== document.body && parts.length < 8; each = each.parentElement) {
    parts.unshift(`${each.localName}${each.id ? `#${each.id}` : ""}.${[...each.classList].slice(0, 3).join(".")}`);
  }
  return parts.join(" > ");
};
const evaluate = (event) => {
  const fired = [];
  for (const trigger of TRIGGERS) {
    for (const element of document.querySelectorAll(trigger.selector)) {
      if (!element.textContent.toLowerCase().includes(trigger.text)) continue;
      fired.push({ event, trigger: trigger.id, path: pathOf(element) });
      break;
    }
  }
  layer.push(...fired);
  new Image().src = at("tag manager", `event?name=${event}&fired=${fired.length}`);
};
const observe = () => {
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) layer.push({ event: "visible", path: pathOf(entry.target) });
  }, { threshold: 0.5 });
  for (const element of document.querySelectorAll("h1, h2, h3, form, video, img")) seen.observe(element);
  document.addEventListener("click", () => evaluate("click"), true);
  addEventListener("scroll", () => layer.push({ event: "scroll", depth: scrollY }), { passive: true });
  setInterval(() => layer.push({ event: "timer", visible: document.visibilityState }), 1000);
};
const load = (url) => {
  const script = document.createElement("script");
  [script.async, script.src] = [true, url];
  document.head.append(script);
};
const ready = () => { evaluate("dom"); observe(); load(at("recorder", "recorder.js")); };
if (document.readyState === "loading") addEventListener("DOMContentLoaded", ready);
else ready();
addEventListener("load", () => evaluate("load"));
