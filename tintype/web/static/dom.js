// Helpers for elements. Text is inserted as text, never as markup.

export const find = (id) => document.getElementById(id);

/** An HTML element with attributes and children; children may be texts. */
export function make(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

const SVG = "http://www.w3.org/2000/svg";

/** An SVG element with attributes and children. */
export function draw(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value != null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

export function show(element, visible = true) {
  element.hidden = !visible;
}

/** Announce a text to screen readers; the same text twice is announced twice. */
export function announce(text) {
  const region = find("live-region");
  region.textContent = "";
  requestAnimationFrame(() => { region.textContent = text; });
}
