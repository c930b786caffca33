// Compares two recent captures: one above the other with a divider, or side by side.

import { find, make } from "./dom.js";
import { ago } from "./format.js";
import { readImage } from "./images.js";

let chosen = [];
let objectUrls = [];

export const chosenEntries = () => chosen.map(({ id }) => id);

/** Choose an entry, or take the choice back; the second one opens the comparison. */
export function chooseForComparison(entry) {
  chosen = chosen.some(({ id }) => id === entry.id) ? chosen.filter(({ id }) => id !== entry.id) : [...chosen, entry];
  find("compare-hint").textContent = chosen.length === 1 ? "Choose the capture to compare with." : "";
  if (chosen.length === 2) openDialog(...[...chosen].sort((one, other) => one.at - other.at));
}

/** Take back the choice of entries that no longer exist. */
export function forgetChosen(ids) {
  chosen = chosen.filter(({ id }) => ids.includes(id));
  if (!chosen.length) find("compare-hint").textContent = "";
}

async function openDialog(before, after) {
  for (const [name, entry] of [["before", before], ["after", after]]) {
    const image = find(`compare-${name}`);
    const blob = await readImage(entry.id);
    image.src = blob ? URL.createObjectURL(blob) : entry.source;
    if (blob) objectUrls.push(image.src);
    const age = ago((Date.now() - entry.at) / 1000);
    image.alt = `${entry.page}, captured ${age}`;
    find(`compare-${name}-caption`).replaceChildren(make("span", { class: "compare-page" }, entry.page), ` ${age}`);
    await image.decode().catch(() => {});
  }
  setSliding(true);
  find("compare").showModal();
}

function setSliding(on) {
  find("compare-stage").classList.toggle("sliding", on);
  find("compare-mode").setAttribute("aria-pressed", String(!on));
  find("compare-range").hidden = !on;
  placeDivider();
}

/** Show the later capture to the right of the divider. */
function placeDivider() {
  const isSliding = find("compare-stage").classList.contains("sliding"), share = find("compare-position").value;
  find("compare-after").style.clipPath = isSliding ? `inset(0 0 0 ${share}%)` : "none";
  find("divider").style.left = `${share}%`;
}

export function openCompare() {
  find("compare-position").addEventListener("input", placeDivider);
  find("compare-mode").addEventListener("click", () => setSliding(!find("compare-stage").classList.contains("sliding")));
  find("compare-close").addEventListener("click", () => find("compare").close());
  find("compare").addEventListener("close", () => {
    objectUrls.forEach((url) => URL.revokeObjectURL(url));
    objectUrls = [];
    chosen = [];
    find("compare-hint").textContent = "";
    for (const each of document.querySelectorAll(".entry-actions [aria-pressed]")) each.setAttribute("aria-pressed", "false");
  });
}
