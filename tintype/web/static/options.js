// The options panel: search, counts per group, values that follow the device, size of the thumbnail.

import { find, make, show } from "./dom.js";
import { controlValue, controls } from "./form.js";

/** Viewport and pixel density that the form describes. */
export function viewport() {
  const device = find("device")?.selectedOptions[0]?.dataset ?? {};
  const number = (name, preset) => Number(find(name)?.value) || Number(preset) || 0;
  return {
    width: number("width", device.width),
    height: number("height", device.height),
    scale: find("retina")?.checked ? 2 : number("scale", device.scale) || 1,
  };
}

/** Update everything in the panel that depends on other options. */
export function updatePanel() {
  updateCounts();
  updatePlaceholders();
  updateThumbSize();
}

/** Show how many options of each group are set. */
function updateCounts() {
  for (const group of document.querySelectorAll(".group")) {
    const number = controls().filter((each) => group.contains(each) && controlValue(each)).length;
    group.querySelector(".count").textContent = number ? `${number} set` : "";
  }
}

/** The values of the device are the defaults of its three options. */
function updatePlaceholders() {
  const device = find("device")?.selectedOptions[0]?.dataset;
  if (!device) return;
  for (const name of ["width", "height", "scale"]) {
    if (find(name)) find(name).placeholder = name === "scale" && find("retina")?.checked ? "2" : device[name];
  }
}

const isOneScreen = () => !["full_page", "selector", "clip"].some((name) => (name === "full_page" ? find(name)?.checked : find(name)?.value.trim()));

/** The size that the thumbnail will have, as far as the options determine it. */
function updateThumbSize() {
  const output = find("thumb-size");
  if (!output) return;
  const width = Number(find("thumb_width").value), height = Number(find("thumb_height")?.value);
  const page = viewport();
  const full = [Math.round(page.width * page.scale), Math.round(page.height * page.scale)];
  if (!isOneScreen()) output.textContent = width ? `${width} px wide; the height follows the page` : "The size follows the page";
  else if (width && height) output.textContent = `${width} × ${height} px`;
  else if (width) output.textContent = `${Math.min(width, full[0])} × ${Math.round(Math.min(width, full[0]) * full[1] / full[0])} px`;
  else if (height) output.textContent = `${Math.round(Math.min(height, full[1]) * full[0] / full[1])} × ${Math.min(height, full[1])} px`;
  else output.textContent = `Empty: full size, ${full[0]} × ${full[1]} px`;
}

/** Words by which a field can be found: label, name, description, choices. */
const wordsOf = (field) => field.textContent.toLowerCase().replace(/_/g, " ");

const SYNONYMS = {
  crop: "rectangle element", retina: "density", hidpi: "density", mobile: "device", phone: "device", size: "width height",
  zoom: "density", cookie: "cookies", login: "password cookies headers", auth: "password headers", wait: "delay wait", cache: "picture age",
  refresh: "picture", ad: "ads", gdpr: "cookie", consent: "cookie", proxy: "headers", theme: "dark", night: "dark", transparent: "background",
  language: "language", script: "javascript", print: "pdf", tall: "full page", scroll: "scroll full page", screenshot: "picture",
};

/** Show only the options that match what is typed. */
function search() {
  const typed = find("find-option").value.trim().toLowerCase().replace(/_/g, " ");
  const terms = typed.split(/\s+/).filter(Boolean);
  const alternatives = (SYNONYMS[typed] ?? "").split(" ").filter(Boolean);
  let found = 0;
  for (const field of document.querySelectorAll("[data-fields] > .field")) {
    const words = wordsOf(field), label = field.querySelector("label, legend").textContent.toLowerCase();
    const matches = !typed || terms.every((term) => words.includes(term)) || alternatives.some((term) => label.includes(term));
    show(field, matches);
    found += matches;
  }
  for (const group of document.querySelectorAll(".group")) {
    if (group.id === "body-only" && !group.querySelector("[data-body-only]")) continue;
    const matches = group.querySelector(".field:not([hidden])") !== null;
    show(group, matches);
    if (typed) {
      group.dataset.wasOpen ??= String(group.open);
      group.open = matches;
    } else if (group.dataset.wasOpen) {
      group.open = group.dataset.wasOpen === "true";
      delete group.dataset.wasOpen;
    }
  }
  find("find-none").textContent = !typed ? "" : found ? `${found} ${found === 1 ? "option" : "options"}` : `No option matches “${typed}”.`;
}

/** Suggest the time zones that this browser supports. */
function suggestTimezones() {
  const zones = Intl.supportedValuesOf?.("timeZone") ?? [];
  const field = find("timezone");
  field?.after(make("datalist", { id: "zones" }, ...zones.map((value) => make("option", { value }))));
  field?.setAttribute("list", "zones");
}

export function openPanel() {
  const posted = find("body-only");
  if (posted) show(posted, posted.querySelector("[data-body-only]") !== null);
  find("find-option").addEventListener("input", search);
  find("find-option").addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target.value) {
      event.target.value = "";
      search();
      event.stopPropagation();
    }
  });
  suggestTimezones();
}
