// Reads and fills the form. Options with their default value are left out, which keeps URLs short.

import { find, make, show } from "./dom.js";

const form = find("form");

const controls = () => [...form.elements].filter((each) => each.dataset.kind);

/** Options that differ from their defaults: {query: [[name, value]…], body: [[name, value]…]}. */
export function collectOptions() {
  const query = new Map(), body = new Map();
  for (const control of controls()) {
    const value = controlValue(control);
    if (!value) continue;
    const options = "bodyOnly" in control.dataset ? body : query;
    options.set(control.name, options.has(control.name) ? `${options.get(control.name)},${value}` : value);
  }
  return { query: [...query], body: [...body] };
}

function controlValue(control) {
  const { kind, default: defaultValue } = control.dataset;
  if (control.name === "url") return withScheme(control.value);
  if (kind === "multiple") return control.checked ? control.value : "";
  if (kind === "flag") return String(control.checked) === defaultValue ? "" : String(control.checked);
  if (kind === "code") return control.value.trim() && control.value;
  const value = control.value.trim();
  return kind === "choice" && value === defaultValue ? "" : value;
}

/** Add https:// to a URL without a scheme. */
function withScheme(text) {
  const value = text.trim();
  return !value || /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `https://${value}`;
}

/** Fill the form with options, and reset all others. */
export function setOptions(pairs) {
  form.reset();
  const values = new Map(pairs);
  for (const control of controls()) {
    if (!values.has(control.name)) continue;
    const value = values.get(control.name);
    if (control.dataset.kind === "multiple") control.checked = value.split(",").includes(control.value);
    else if (control.dataset.kind === "flag") control.checked = value === "true" || value === "1";
    else control.value = value;
  }
  updateCounts();
}

/** Show how many options of each group are set. */
export function updateCounts() {
  for (const group of document.querySelectorAll("details")) {
    const number = controls().filter((each) => group.contains(each) && controlValue(each)).length;
    group.querySelector(".count").textContent = number ? `${number} set` : "";
  }
}

/** Show errors beside their controls and focus the first; returns the errors without a control. */
export function showErrors(errors) {
  clearErrors();
  const unplaced = [];
  let first = null;
  for (const { parameter, message } of errors) {
    const text = find(`${parameter}-error`), control = find(parameter);
    if (!text || !control) {
      unplaced.push({ parameter, message });
      continue;
    }
    text.replaceChildren(make("code", {}, parameter), ` ${message}`);
    show(text);
    control.setAttribute("aria-invalid", "true");
    for (let group = control.closest("details"); group; group = group.parentElement.closest("details")) group.open = true;
    first ??= control.querySelector("input") ?? control;
  }
  first?.focus();
  return unplaced;
}

export function clearErrors() {
  for (const text of document.querySelectorAll(".field-error:not([hidden])")) {
    text.replaceChildren();
    show(text, false);
  }
  for (const control of document.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
}
