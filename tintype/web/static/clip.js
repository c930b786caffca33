// Draws the clip rectangle on the thumbnail, by mouse, touch and keyboard.

import { announce, find, make } from "./dom.js";
import { closeLayer, openLayer, textButton } from "./layer.js";

const MIN_SIZE = 8, STEP = 10;
let source = null;
let tool = null;
let apply = () => {};

/** `onApply` is called with the clip as the option takes it: x,y,width,height in CSS pixels of the page. */
export function openClipTool(onApply) {
  apply = onApply;
  find("clip-tool").addEventListener("click", () => (tool ? closeLayer() : open()));
}

/** The thumbnail to draw on: {image, options, viewport}; null if there is none. */
export function setClipSource(next) {
  closeLayer();
  source = next && describe(next);
  const button = find("clip-tool");
  button.disabled = source === null;
  button.title = source ? "Choose the part of the page to capture" : "Available for thumbnails that show the page from its top left corner, uncropped.";
}

/** Origin and scale of the thumbnail in CSS pixels of the page; null if they are not known. */
function describe({ image, options, viewport }) {
  const values = new Map(options.query);
  if (options.body.length || values.has("selector") || (values.has("scroll_to") && !values.has("full_page")) || !find("clip")) return null;
  if (values.has("thumb_width") && values.has("thumb_height")) return null;
  const clip = values.get("clip")?.split(",").map(Number);
  const width = clip ? clip[2] : viewport.width;
  return { image, x: clip?.[0] ?? 0, y: clip?.[1] ?? 0, ratio: width / image.naturalWidth, isFull: values.has("full_page") };
}

function open() {
  if (!source) return;
  const { image } = source;
  const output = make("output", { id: "clip-value" });
  const box = make("div", { class: "clip-box" }, make("span", { class: "clip-handle" }));
  const layer = openLayer(image, {
    button: "clip-tool",
    bar: "clip-bar",
    label: "Area to capture. Arrow keys move it, with Shift they resize it. Enter captures, Escape cancels.",
    onClose: () => { tool = null; },
  }, output, textButton("Capture this area", commit));
  layer.append(box);
  tool = { layer, box, output, rect: startRect(image) };
  layer.addEventListener("pointerdown", startDrag);
  layer.addEventListener("keydown", onKey);
  render();
}

function commit() {
  const value = clipText();
  closeLayer();
  apply(value);
}

/** The middle of what is visible, in pixels of the thumbnail. */
function startRect(image) {
  const shown = image.getBoundingClientRect(), frame = find("shown").getBoundingClientRect();
  const factor = image.naturalWidth / shown.width;
  const top = Math.max(0, frame.top - shown.top) * factor, height = Math.min(shown.height, frame.height) * factor;
  return { x: image.naturalWidth / 4, y: top + height / 4, width: image.naturalWidth / 2, height: height / 2 };
}

/** Keep the rectangle inside of the thumbnail. */
function limit(rect) {
  const { naturalWidth, naturalHeight } = source.image;
  const width = Math.min(Math.max(rect.width, MIN_SIZE / source.ratio), naturalWidth);
  const height = Math.min(Math.max(rect.height, MIN_SIZE / source.ratio), naturalHeight);
  return { x: Math.min(Math.max(rect.x, 0), naturalWidth - width), y: Math.min(Math.max(rect.y, 0), naturalHeight - height), width, height };
}

function clipText() {
  const { x, y, width, height } = tool.rect, { ratio } = source;
  return [source.x + x * ratio, source.y + y * ratio, width * ratio, height * ratio].map((each) => Math.round(each)).join(",");
}

function render() {
  tool.rect = limit(tool.rect);
  const { naturalWidth, naturalHeight } = source.image, { x, y, width, height } = tool.rect;
  const style = { left: x / naturalWidth, top: y / naturalHeight, width: width / naturalWidth, height: height / naturalHeight };
  for (const [name, share] of Object.entries(style)) tool.box.style.setProperty(name, `${(share * 100).toFixed(3)}%`);
  const [left, top, wide, high] = clipText().split(",");
  tool.output.textContent = `${wide} × ${high} px at ${left}, ${top}`;
}

/** Drag on the rectangle moves it, on its corner resizes it, elsewhere draws a new one. */
function startDrag(event) {
  if (event.button) return;
  event.preventDefault();
  const point = position(event), start = { ...tool.rect };
  const mode = event.target.closest(".clip-handle") ? "resize" : event.target.closest(".clip-box") ? "move" : "draw";
  tool.layer.setPointerCapture(event.pointerId);
  const move = (moved) => {
    const now = position(moved), dx = now.x - point.x, dy = now.y - point.y;
    if (mode === "move") tool.rect = { ...start, x: start.x + dx, y: start.y + dy };
    else if (mode === "resize") tool.rect = { ...start, width: start.width + dx, height: start.height + dy };
    else tool.rect = { x: Math.min(point.x, now.x), y: Math.min(point.y, now.y), width: Math.abs(dx), height: Math.abs(dy) };
    render();
  };
  const { layer } = tool;
  layer.addEventListener("pointermove", move);
  layer.addEventListener("lostpointercapture", () => {
    layer.removeEventListener("pointermove", move);
    if (tool) announce(tool.output.textContent);
  }, { once: true });
}

/** Where an event is, in pixels of the thumbnail. */
function position(event) {
  const shown = source.image.getBoundingClientRect(), factor = source.image.naturalWidth / shown.width;
  const limited = (value, most) => Math.min(Math.max(value, 0), most);
  return {
    x: limited((event.clientX - shown.left) * factor, source.image.naturalWidth),
    y: limited((event.clientY - shown.top) * factor, source.image.naturalHeight),
  };
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function onKey(event) {
  if (event.key === "Enter") {
    event.preventDefault();
    commit();
    return;
  }
  const arrow = ARROWS[event.key];
  if (!arrow) return;
  event.preventDefault();
  const [dx, dy] = arrow.map((each) => each * (event.ctrlKey ? 1 : STEP) / source.ratio);
  const { rect } = tool;
  tool.rect = event.shiftKey ? { ...rect, width: rect.width + dx, height: rect.height + dy } : { ...rect, x: rect.x + dx, y: rect.y + dy };
  render();
  tool.box.scrollIntoView({ block: "nearest" });
  announce(tool.output.textContent);
}
