// The preview of a thumbnail, and the facts about its response.

import { announce, find, make, show } from "./dom.js";
import { CACHE, VERDICT, ago, bytes, milliseconds } from "./format.js";
import { drawSteps } from "./timing.js";

let objectUrl = "";
let ticking = 0;

/** Show or hide the progress bar with the elapsed time. */
export function showProgress(on) {
  find("result").setAttribute("aria-busy", String(on));
  find("preview").classList.toggle("busy", on);
  show(find("progress"), on);
  clearInterval(ticking);
  if (!on) return;
  const start = performance.now();
  const tick = () => { find("elapsed").textContent = `${((performance.now() - start) / 1000).toFixed(1)} s`; };
  tick();
  ticking = setInterval(tick, 100);
}

/** Show a response; returns the loaded image, or null for documents. */
export async function showResult(response, page) {
  URL.revokeObjectURL(objectUrl);
  objectUrl = URL.createObjectURL(response.body);
  const element = await previewElement(response, page);
  find("shown").replaceChildren(element);
  show(find("empty"), false);
  const image = element instanceof HTMLImageElement ? element : null;
  renderFacts(response, page, image);
  return image;
}

async function previewElement(response, page) {
  if (response.type.startsWith("image/")) {
    const image = make("img", { alt: `Thumbnail of ${page}`, src: objectUrl });
    await image.decode();
    return image;
  }
  if (response.type === "application/json") {
    const text = JSON.stringify(JSON.parse(await response.body.text()), null, 2);
    return make("pre", { tabindex: "0", role: "region", "aria-label": `Metadata of ${page}` }, text);
  }
  const name = `${page.replace(/[^A-Za-z0-9.-]+/g, "-")}.pdf`;
  return make("p", { class: "document" }, make("a", { href: objectUrl, download: name }, `Save ${name}`));
}

function renderFacts(response, page, image) {
  const facts = [
    ["Cache", response.cache && [make("span", { class: `chip ${response.cache.toLowerCase()}`, id: "cache" }, response.cache), ` ${CACHE[response.cache] ?? ""}`]],
    ["Time", [make("b", {}, milliseconds(response.ms)), serviceTime(response)]],
    ["File", `${response.type.split("/").pop()}, ${bytes(response.body.size)}${image ? `, ${image.naturalWidth} × ${image.naturalHeight}` : ""}`],
    ["Captured", response.cache === "PLACEHOLDER" ? "" : ago(response.age)],
    ["Shows", response.verdict && `${VERDICT[response.verdict] ?? response.verdict}${response.targetStatus ? `, status ${response.targetStatus}` : ""}`],
    ["Flags", response.flags],
    ["Rate limit", response.remaining && `${response.remaining} requests left`],
  ];
  find("facts-list").replaceChildren(...facts.filter(([, value]) => value).flatMap(([name, value]) =>
    [make("dt", {}, name), make("dd", {}, ...[value].flat())]));
  drawSteps(response.steps);
  show(find("facts"));
  find("caption").textContent = page;
  show(find("caption"));
  if (response.ok) announce(`${image ? "Thumbnail" : "Response"} for ${page}: ${response.cache || "ready"}, ${milliseconds(response.ms)}, ${bytes(response.body.size)}.`);
}

function serviceTime({ steps }) {
  const total = steps.find(([name]) => name === "total");
  return total ? ` (${milliseconds(total[1])} in the service)` : "";
}

/** Show an error; `errors` are those that could not be shown beside a control. */
export function showFailure(title, detail, errors = []) {
  const list = errors.map(({ parameter, message }) => make("li", {}, make("code", {}, parameter), ` ${message}`));
  find("alert").replaceChildren(
    make("strong", {}, title),
    ...(detail ? [make("p", {}, detail)] : []),
    ...(list.length ? [make("ul", {}, ...list)] : []),
  );
}

export function clearFailure() {
  find("alert").replaceChildren();
}
