// What does the form say? Only what differs from what holds anyway: that is what the address should show.

import { find, make, show } from "./dom.js";

const form = find("ask");

const controls = () => [...form.elements].filter((each) => each.dataset.kind);

/** Options that are said, in the order of the form: {open: [[name, value]…], posted: [[name, value]…]}. */
export function said() {
  const open = new Map(), posted = new Map();
  for (const control of controls()) {
    const value = spoken(control);
    if (!value) continue;
    const into = "posted" in control.dataset ? posted : open;
    into.set(control.name, into.has(control.name) ? `${into.get(control.name)},${value}` : value);
  }
  return { open: [...open], posted: [...posted] };
}

function spoken(control) {
  const { kind, default: usual } = control.dataset;
  if (control.name === "url") return address(control.value);
  if (kind === "multiple") return control.checked ? control.value : "";
  if (kind === "flag") return String(control.checked) === usual ? "" : String(control.checked);
  if (kind === "code") return control.value.trim() && control.value;
  const value = control.value.trim();
  return kind === "choice" && value === usual ? "" : value;
}

/** People leave the scheme out. */
function address(text) {
  const value = text.trim();
  return !value || /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `https://${value}`;
}

/** Put options into the form, all others as they were. */
export function set(pairs) {
  form.reset();
  const values = new Map(pairs);
  for (const control of controls()) {
    if (!values.has(control.name)) continue;
    const value = values.get(control.name);
    if (control.dataset.kind === "multiple") control.checked = value.split(",").includes(control.value);
    else if (control.dataset.kind === "flag") control.checked = value === "true" || value === "1";
    else control.value = value;
  }
  count();
}

/** How many options of a closed group are said. */
export function count() {
  for (const group of document.querySelectorAll("details")) {
    const number = controls().filter((each) => group.contains(each) && spoken(each)).length;
    group.querySelector(".count").textContent = number ? `${number} set` : "";
  }
}

/** Show mistakes beside what they are about; gives those that have no place. The first place is where one goes. */
export function blame(mistakes) {
  forgive();
  const homeless = [];
  let first = null;
  for (const { parameter, message } of mistakes) {
    const place = find(`${parameter}-mistake`), control = find(parameter);
    if (!place || !control) {
      homeless.push({ parameter, message });
      continue;
    }
    place.replaceChildren(make("code", {}, parameter), ` ${message}`);
    show(place);
    control.setAttribute("aria-invalid", "true");
    for (let group = control.closest("details"); group; group = group.parentElement.closest("details")) group.open = true;
    first ??= control.querySelector("input") ?? control;
  }
  first?.focus();
  return homeless;
}

export function forgive() {
  for (const place of document.querySelectorAll(".mistake:not([hidden])")) {
    place.replaceChildren();
    show(place, false);
  }
  for (const control of document.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
}
