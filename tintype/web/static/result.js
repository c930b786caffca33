// A response on the stage: the thumbnail or document, badges, notes, facts, timing.

import { announce, find, make, show } from "./dom.js";
import { CACHE, VERDICT, VERDICT_BADGE, ago, bytes, flagNotes, milliseconds } from "./format.js";
import { clearStage } from "./stage.js";
import { drawSteps } from "./timing.js";
import { viewElement, viewImage } from "./viewer.js";

let objectUrl = "";
let capturedAt = 0;

/** Show a response; returns {objectUrl, image}: the image is null for documents. */
export async function showResult(response, page) {
  const url = URL.createObjectURL(response.body);
  const image = response.type.startsWith("image/") ? make("img", { alt: `Thumbnail of ${page}`, src: url }) : null;
  await image?.decode();
  const document = image ? null : await documentElement(response, page);
  clearStage();
  URL.revokeObjectURL(objectUrl);
  objectUrl = url;
  if (image) viewImage(image);
  else viewElement(document, response.type === "application/json" ? `Metadata of ${page}` : "");
  renderBadges(response);
  renderFacts(response, image);
  find("caption").textContent = page;
  for (const id of ["caption", "tools", "facts"]) show(find(id));
  if (response.ok) announce(`${image ? "Thumbnail" : "Response"} for ${page}: ${response.cache || "ready"}, ${milliseconds(response.ms)}, ${bytes(response.body.size)}.${badgeTexts(response).map((text) => ` ${text}.`).join("")}`);
  return { objectUrl, image };
}

async function documentElement(response, page) {
  if (response.type === "application/json") {
    return make("pre", {}, JSON.stringify(JSON.parse(await response.body.text()), null, 2));
  }
  return make("div", { class: "document" },
    make("strong", {}, "The PDF is ready"),
    make("p", {}, `${page}, ${bytes(response.body.size)}. Open it in a new tab, or download it.`));
}

/** What a person has to know before they use the thumbnail. */
function badgeTexts(response) {
  const status = response.targetStatus >= 400 ? `, status ${response.targetStatus}` : "";
  return [
    ...(response.ok ? [] : [`Error image, status ${response.status}`]),
    ...(response.cache === "PLACEHOLDER" ? ["Placeholder"] : []),
    ...(VERDICT_BADGE[response.verdict] ? [`${VERDICT_BADGE[response.verdict][0]}${response.verdict === "error" ? status : ""}`] : []),
    ...flagNotes(response.flags).map(([title]) => title),
  ];
}

function renderBadges(response) {
  const serious = badgeTexts(response).length - flagNotes(response.flags).length;
  find("badges").replaceChildren(...badgeTexts(response).map((text, index) =>
    make("li", { class: index < serious ? "badge" : "badge minor" }, text)));
  const notes = [VERDICT_BADGE[response.verdict], ...flagNotes(response.flags)].filter((each) => each?.[1]);
  find("notes").replaceChildren(...notes.map(([title, text]) => make("li", {}, make("strong", {}, `${title}. `), text)));
  show(find("notes"), notes.length > 0);
}

function renderFacts(response, image) {
  const isCaptured = response.ok && response.cache !== "PLACEHOLDER";
  capturedAt = isCaptured ? Date.now() - response.age * 1000 : 0;
  const facts = [
    ["Cache", response.cache && [make("span", { class: `chip ${response.cache.toLowerCase()}`, id: "cache" }, response.cache), ` ${CACHE[response.cache] ?? ""}`]],
    ["Time", [make("b", {}, milliseconds(response.ms)), serviceTime(response)]],
    ["File", `${response.type.split("/").pop()}, ${bytes(response.body.size)}${image ? `, ${image.naturalWidth} × ${image.naturalHeight} px` : ""}`],
    ["Captured", isCaptured && [make("span", { id: "captured" }, ago(response.age))]],
    ["Shows", response.verdict && `${VERDICT[response.verdict] ?? response.verdict}${response.targetStatus ? `, status ${response.targetStatus}` : ""}`],
    ["Rate limit", response.remaining && `${response.remaining} requests left`],
  ];
  find("facts-list").replaceChildren(...facts.filter(([, value]) => value).map(([name, value]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, ...[value].flat()))));
  drawSteps(response.steps);
}

/** Keep the age of the thumbnail current. */
export function updateAge() {
  if (find("captured") && capturedAt) find("captured").textContent = ago((Date.now() - capturedAt) / 1000);
}

function serviceTime({ steps }) {
  const total = steps.find(([name]) => name === "total");
  return total ? ` (${milliseconds(total[1])} in the service)` : "";
}
