// The viewer of a thumbnail: fit, zoom, scroll, full screen, by mouse and keyboard.

import { find, show } from "./dom.js";

const STEPS = [0.1, 0.25, 0.33, 0.5, 0.67, 1, 1.5, 2, 3, 4];
/** An image is fitted to the width if fitting all of it would make it smaller than this share of that. */
const MIN_SHARE = 0.6;
const frame = find("shown");
let image = null;

/** Show an image; long ones are fitted to the width, others completely. */
export function viewImage(element) {
  image = element;
  frame.replaceChildren(element);
  frame.scrollTo(0, 0);
  makeScrollable(element.alt);
  show(find("zoom-tools"));
  setMode("fit-all");
  const all = element.getBoundingClientRect().width;
  setMode("fit-width");
  if (all >= element.getBoundingClientRect().width * MIN_SHARE) setMode("fit-all");
}

/** Show another element, without zoom. */
export function viewElement(element, label = "") {
  image = null;
  frame.className = "shown";
  frame.replaceChildren(element);
  show(find("zoom-tools"), false);
  if (label) makeScrollable(label);
  else for (const name of ["tabindex", "role", "aria-label"]) frame.removeAttribute(name);
}

function makeScrollable(label) {
  frame.setAttribute("tabindex", "0");
  frame.setAttribute("role", "region");
  frame.setAttribute("aria-label", label);
}

/** Displayed size of the image by its own. */
const zoom = () => (image ? image.getBoundingClientRect().width / image.naturalWidth : 1);

function setMode(mode) {
  frame.className = `shown ${mode}`;
  for (const id of ["fit-all", "fit-width"]) {
    find(id).classList.toggle("active", id === mode);
    find(id).setAttribute("aria-pressed", String(id === mode));
  }
  if (mode !== "zoomed") {
    image.style.removeProperty("width");
    image.style.removeProperty("height");
  }
  updateValue();
}

/** Zoom to a factor, and keep what is in the centre of the frame there. */
function zoomTo(factor) {
  const before = zoom(), x = frame.scrollLeft + frame.clientWidth / 2, y = frame.scrollTop + frame.clientHeight / 2;
  image.style.width = `${Math.max(1, Math.round(image.naturalWidth * factor))}px`;
  setMode("zoomed");
  const ratio = zoom() / before;
  frame.scrollTo(x * ratio - frame.clientWidth / 2, y * ratio - frame.clientHeight / 2);
}

function step(direction) {
  const now = zoom();
  const next = direction > 0 ? STEPS.find((each) => each > now * 1.01) : STEPS.findLast((each) => each < now * 0.99);
  if (next) zoomTo(next);
}

function updateValue() {
  find("zoom-value").textContent = `${Math.round(zoom() * 100)} %`;
}

const KEYS = { "+": () => step(1), "=": () => step(1), "-": () => step(-1), "0": () => setMode("fit-all"), "1": () => zoomTo(1), w: () => setMode("fit-width") };

export function openViewer() {
  find("fit-all").addEventListener("click", () => setMode("fit-all"));
  find("fit-width").addEventListener("click", () => setMode("fit-width"));
  find("zoom-in").addEventListener("click", () => step(1));
  find("zoom-out").addEventListener("click", () => step(-1));
  find("zoom-full").addEventListener("click", () => zoomTo(1));
  frame.addEventListener("keydown", (event) => {
    if (!image || event.ctrlKey || event.metaKey || event.altKey || event.target !== frame || !KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  frame.addEventListener("wheel", (event) => {
    if (!image || !event.ctrlKey) return;
    event.preventDefault();
    step(event.deltaY < 0 ? 1 : -1);
  }, { passive: false });
  show(find("full-screen"), document.fullscreenEnabled === true);
  find("full-screen").addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else find("preview").requestFullscreen();
  });
  document.addEventListener("fullscreenchange", () => {
    find("full-screen").textContent = document.fullscreenElement ? "Leave full screen" : "Full screen";
    if (image) updateValue();
  });
  new ResizeObserver(() => { if (image?.isConnected) updateValue(); }).observe(frame);
}
