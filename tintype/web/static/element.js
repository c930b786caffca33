// Chooses an element on the thumbnail, by mouse, touch and keyboard. The service lists the boxes of the page's elements.

import { announce, find, make } from "./dom.js";
import { closeLayer, openLayer, textButton } from "./layer.js";

/** Options of the thumbnail without effect on the page. */
const DELIVERY = new Set(["format", "quality", "thumb_width", "thumb_height", "fit", "placeholder", "on_error"]);
let source = null;
let tool = null;
let request = async () => null;
let apply = () => {};

/** `send(query, signal)` requests metadata and resolves to a response; `onApply` is called with a selector. */
export function openElementTool(send, onApply) {
  [request, apply] = [send, onApply];
  find("element-tool").addEventListener("click", () => (tool ? closeLayer() : open()));
}

/** The thumbnail to choose on: {image, options}; null if there is none. Call it after setClipSource. */
export function setElementSource(next) {
  source = next && isWhole(next.options) ? next : null;
  const button = find("element-tool");
  button.disabled = source === null;
  button.title = source ? "Choose an element of the page to capture" : "Available for thumbnails of the viewport or the full page, uncropped.";
}

/** Whether a thumbnail shows the viewport or the full page, from its corner. */
function isWhole({ query, body }) {
  const names = new Set(query.map(([name]) => name));
  const isCropped = names.has("thumb_width") && names.has("thumb_height");
  return !body.length && !isCropped && !names.has("selector") && !names.has("clip") && find("selector") !== null;
}

async function open() {
  if (!source) return;
  const { image, options } = source, controller = new AbortController();
  const output = make("output", { id: "element-value" }, "Reading the elements of the page …");
  const capture = textButton("Capture this element", commit);
  capture.disabled = true;
  const layer = openLayer(image, {
    button: "element-tool",
    bar: "element-bar",
    label: "Element to capture. Arrow up: the element around it; down: inside of it; left and right: beside it. Enter captures, Escape cancels.",
    onClose: () => {
      controller.abort();
      tool = null;
    },
  }, output, capture);
  layer.classList.add("element-layer");
  const opened = tool = { layer, output, capture, boxes: [], index: 0 };
  const query = options.query.filter(([name]) => !DELIVERY.has(name));
  const list = await readElements([...query, ["format", "json"], ["elements", "true"]], controller.signal);
  if (tool !== opened) return;
  if (typeof list === "string") output.textContent = list;
  else start(list, image);
}

/** The document with the elements, or a text that says why there is none. */
async function readElements(query, signal) {
  try {
    const response = await request(query, signal);
    if (!response.ok) return `The elements could not be read: ${response.problem.detail || response.problem.title}`;
    const list = JSON.parse(await response.body.text());
    return list.elements?.length ? list : "No elements were found. Try again.";
  } catch {
    return "The elements could not be read: no response from the service. Try again.";
  }
}

function start({ image: { width }, elements }, image) {
  const area = (box) => box.width * box.height;
  const contains = (outer, box) => outer.x <= box.x && outer.y <= box.y && outer.x + outer.width >= box.x + box.width && outer.y + outer.height >= box.y + box.height;
  const boxes = elements.toSorted((one, other) => area(other) - area(one));
  const parents = boxes.map((box, index) => boxes.findLastIndex((each, at) => at < index && area(each) > area(box) && contains(each, box)));
  const outline = make("div", { class: "clip-box" });
  Object.assign(tool, { boxes, parents, outline, image, ratio: width / image.naturalWidth });
  tool.layer.append(outline);
  tool.layer.addEventListener("pointermove", onPointer);
  tool.layer.addEventListener("click", onClick);
  tool.layer.addEventListener("keydown", onKey);
  tool.capture.disabled = false;
  choose(0);
  announce(tool.output.textContent);
}

/** Outline an element, and name it. */
function choose(index) {
  const { boxes, outline, output, image, ratio } = tool, { selector, x, y, width, height } = boxes[index];
  const [wide, high] = [image.naturalWidth * ratio, image.naturalHeight * ratio];
  const style = { left: x / wide, top: y / high, width: width / wide, height: height / high };
  for (const [name, share] of Object.entries(style)) outline.style.setProperty(name, `${(share * 100).toFixed(3)}%`);
  tool.index = index;
  output.replaceChildren(make("code", {}, selector), ` ${width} × ${height} px`);
}

/** Choose the smallest element at the place of an event. */
function onPointer(event) {
  const shown = tool.image.getBoundingClientRect(), factor = tool.image.naturalWidth * tool.ratio / shown.width;
  const x = (event.clientX - shown.left) * factor, y = (event.clientY - shown.top) * factor;
  const index = tool.boxes.findLastIndex((box) => box.x <= x && x < box.x + box.width && box.y <= y && y < box.y + box.height);
  if (index >= 0) choose(index);
}

/** A touch only outlines, because nothing was outlined before it. */
function onClick(event) {
  onPointer(event);
  if (event.pointerType !== "touch") commit();
}

function onKey(event) {
  const { parents, index: now } = tool;
  const next = { ArrowUp: () => parents[now], ArrowDown: () => inside(now)[0], ArrowLeft: () => beside(-1), ArrowRight: () => beside(1) };
  if (event.key === "Enter") {
    event.preventDefault();
    commit();
    return;
  }
  if (!next[event.key]) return;
  event.preventDefault();
  const index = next[event.key]() ?? -1;
  if (index >= 0) choose(index);
  tool.outline.scrollIntoView({ block: "nearest" });
  announce(tool.output.textContent);
}

/** The elements directly inside of another one, in reading order. */
function inside(parent) {
  const { boxes, parents } = tool;
  return parents.flatMap((each, index) => (each === parent ? [index] : []))
    .sort((one, other) => boxes[one].y - boxes[other].y || boxes[one].x - boxes[other].x);
}

function beside(step) {
  const all = inside(tool.parents[tool.index]);
  return all.at((all.indexOf(tool.index) + step) % all.length);
}

function commit() {
  const { selector } = tool.boxes[tool.index];
  closeLayer();
  apply(selector);
}
