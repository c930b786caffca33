// The layer of a tool that chooses a part of the page on the thumbnail, and its bar below. One tool is open at a time.

import { find, make } from "./dom.js";

let current = null;

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !current) return;
  event.stopImmediatePropagation();
  const { button } = current;
  closeLayer();
  find(button).focus();
}, { capture: true });

/** Put a layer over an image, and `parts` with a button to cancel into the bar; `button` is the id of the tool. Returns the layer. */
export function openLayer(image, { button, bar, label, onClose }, ...parts) {
  closeLayer();
  const layer = make("div", { class: "clip-layer", tabindex: "0", role: "application", "aria-label": label });
  const frame = make("div", { class: "clip-frame" });
  image.replaceWith(frame);
  frame.append(image, layer);
  const line = make("div", { class: "clip-bar", id: bar }, ...parts, textButton("Cancel", closeLayer));
  find("stage").after(line); // not above the image, where it would cover what can be selected
  current = { image, frame, line, button, onClose };
  find(button).setAttribute("aria-pressed", "true");
  layer.focus({ preventScroll: true });
  return layer;
}

export function textButton(label, run) {
  const element = make("button", { type: "button", class: "chip-button" }, label);
  element.addEventListener("click", () => run());
  return element;
}

/** Remove the layer, if there is one. */
export function closeLayer() {
  if (!current) return;
  const { image, frame, line, button, onClose } = current;
  current = null;
  frame.replaceWith(image);
  line.remove();
  find(button).setAttribute("aria-pressed", "false");
  onClose();
}
