// Reads and fills the form. Options with their default value are left out, which keeps URLs short.

import { find, show } from "./dom.js";

const form = find("form");

/** The controls of the form; its own property is hidden by the option `elements`. */
const allControls = Object.getOwnPropertyDescriptor(HTMLFormElement.prototype, "elements").get.bind(form);

export const controls = () => [...allControls()].filter((each) => each.dataset.kind);

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

export function controlValue(control) {
  const { kind, default: defaultValue } = control.dataset;
  if (control.name === "url") return withScheme(control.value);
  if (kind === "multiple") return control.checked ? control.value : "";
  if (kind === "flag") return String(control.checked) === defaultValue ? "" : String(control.checked);
  if (kind === "code") return control.value.trim() && control.value;
  const value = control.value.trim();
  return kind === "choice" && value === defaultValue ? "" : value;
}

const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i;
/** An IP address or this machine, which rarely has a certificate. */
const LOCAL = /^(localhost|(\d{1,3}\.){3}\d{1,3}|\[[0-9a-f:.]+\])(:\d+)?(?=[/?#]|$)/i;

/** A URL with https:// if it has no scheme, or http:// for an IP address and localhost. */
export function withScheme(text) {
  const value = text.trim();
  if (!value || SCHEME.test(value)) return value;
  return LOCAL.test(value) ? `http://${value}` : `https://${value}`;
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
    else if (control.tagName !== "SELECT" || [...control.options].some((each) => each.value === value)) control.value = value;
  }
}

/** Label of an option in the form; its name if it has no field. */
export function labelOf(name) {
  const control = find(name);
  const label = control?.labels?.[0] ?? control?.querySelector("legend")?.firstChild;
  return label?.textContent.trim() || name;
}

/** Show a message beside a control, and mark the control as invalid; returns whether there is such a control. */
export function showFieldError(name, message) {
  const text = find(`${name}-error`), control = find(name);
  if (!text || !control) return false;
  text.textContent = message;
  show(text);
  control.setAttribute("aria-invalid", "true");
  reveal(control);
  return true;
}

/** Make a control visible: clear the search, and open the group. */
function reveal(control) {
  const search = find("find-option");
  if (search.value && control.closest("[data-fields]")) {
    search.value = "";
    search.dispatchEvent(new Event("input", { bubbles: true }));
  }
  const group = control.closest("details");
  if (group) group.open = true;
}

/** Focus the control of an option, and open the groups that hide it. */
export function focusField(name) {
  const control = find(name);
  if (!control) return;
  reveal(control);
  const field = control.querySelector("input") ?? control;
  field.focus();
  (field.closest(".field") ?? field).scrollIntoView({ block: "nearest" });
}

export function clearErrors() {
  for (const text of document.querySelectorAll(".field-error:not([hidden])")) {
    text.replaceChildren();
    show(text, false);
  }
  for (const control of document.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
}
