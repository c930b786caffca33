// Elements, made and found. Text is always text: nothing here understands markup.

export const find = (id) => document.getElementById(id);

/** An element with attributes and children; children may be texts. */
export function make(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

const SVG = "http://www.w3.org/2000/svg";

/** The same for drawings. */
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

/** Tell people who listen; the same words twice are two messages. */
export function say(text) {
  const place = find("said");
  place.textContent = "";
  requestAnimationFrame(() => { place.textContent = text; });
}
