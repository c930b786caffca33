// The picture on its plate, and what is known of it.

import { find, make, say, show } from "./dom.js";
import { drawSteps } from "./timing.js";
import { CACHE, VERDICT, ago, bytes, milliseconds } from "./words.js";

let address = "";
let ticking = 0;

/** While one waits: a moving line, and how long it has been. */
export function waiting(on) {
  find("result").setAttribute("aria-busy", String(on));
  find("plate").classList.toggle("busy", on);
  show(find("waiting"), on);
  clearInterval(ticking);
  if (!on) return;
  const begin = performance.now();
  const tick = () => { find("elapsed").textContent = `${((performance.now() - begin) / 1000).toFixed(1)} s`; };
  tick();
  ticking = setInterval(tick, 100);
}

/** Show what came; gives the loaded image where it is one. */
export async function present(answer, page) {
  URL.revokeObjectURL(address);
  address = URL.createObjectURL(answer.body);
  const seen = await view(answer, page);
  find("shown").replaceChildren(seen);
  show(find("empty"), false);
  const image = seen instanceof HTMLImageElement ? seen : null;
  tell(answer, page, image);
  return image;
}

async function view(answer, page) {
  if (answer.type.startsWith("image/")) {
    const image = make("img", { alt: `Picture of ${page}`, src: address });
    await image.decode();
    return image;
  }
  if (answer.type === "application/json") {
    const text = JSON.stringify(JSON.parse(await answer.body.text()), null, 2);
    return make("pre", { tabindex: "0", role: "region", "aria-label": `What ${page} says of itself` }, text);
  }
  const name = `${page.replace(/[^A-Za-z0-9.-]+/g, "-")}.pdf`;
  return make("p", { class: "document" }, make("a", { href: address, download: name }, `Save ${name}`));
}

function tell(answer, page, image) {
  const facts = [
    ["Cache", answer.cache && [make("span", { class: `chip ${answer.cache.toLowerCase()}`, id: "cache" }, answer.cache), ` ${CACHE[answer.cache] ?? ""}`]],
    ["Time", [make("b", {}, milliseconds(answer.ms)), inService(answer)]],
    ["File", `${answer.type.split("/").pop()}, ${bytes(answer.body.size)}${image ? `, ${image.naturalWidth} × ${image.naturalHeight}` : ""}`],
    ["Taken", answer.cache === "PLACEHOLDER" ? "" : ago(answer.age)],
    ["Shows", answer.verdict && `${VERDICT[answer.verdict] ?? answer.verdict}${answer.target ? `, status ${answer.target}` : ""}`],
    ["Note", answer.shortcomings],
    ["Allowance", answer.left && `${answer.left} more for now`],
  ];
  find("about").replaceChildren(...facts.filter(([, value]) => value).flatMap(([name, value]) =>
    [make("dt", {}, name), make("dd", {}, ...[value].flat())]));
  drawSteps(answer.steps);
  show(find("facts"));
  find("caption").textContent = page;
  show(find("caption"));
  if (answer.good) say(`${image ? "The picture" : "The answer"} of ${page} is here: ${answer.cache || "ready"}, ${milliseconds(answer.ms)}, ${bytes(answer.body.size)}.`);
}

function inService({ steps }) {
  const total = steps.find(([name]) => name === "total");
  return total ? ` (${milliseconds(total[1])} in the service)` : "";
}

/** A failure in words; `mistakes` are those that could not be shown beside a control. */
export function fail(title, detail, mistakes = []) {
  const list = mistakes.map(({ parameter, message }) => make("li", {}, make("code", {}, parameter), ` ${message}`));
  find("alert").replaceChildren(
    make("strong", {}, title),
    ...(detail ? [make("p", {}, detail)] : []),
    ...(list.length ? [make("ul", {}, ...list)] : []),
  );
}

export function clearFailure() {
  find("alert").replaceChildren();
}
