// The boxes of visible elements in an image of the page, from the largest, each with a selector that matches it alone.
// image: the image in CSS pixels from the viewport's corner, and its zoom. Shadow trees and frames are left out.
(image, { boxes, elements, comparisons, side, steps, length }) => {
  // A form's fields may be called as properties of elements.
  const parentElement = Object.getOwnPropertyDescriptor(Node.prototype, "parentElement").get;
  const { getAttribute, getBoundingClientRect, checkVisibility } = Element.prototype;
  const EVERYWHERE = { left: -Infinity, top: -Infinity, right: Infinity, bottom: Infinity };
  const SVG = "http://www.w3.org/2000/svg";
  const SHOWN = { opacityProperty: true, visibilityProperty: true };
  const common = (one, other) => ({
    left: Math.max(one.left, other.left), top: Math.max(one.top, other.top),
    right: Math.min(one.right, other.right), bottom: Math.min(one.bottom, other.bottom),
  });
  const isLarge = ({ left, top, right, bottom }) => right - left >= side / image.zoom && bottom - top >= side / image.zoom;
  const clips = ({ overflowX, overflowY, contain, display }) =>
    display !== "inline" && (overflowX !== "visible" || overflowY !== "visible" || /paint|strict|content/.test(contain));
  const holdsFixed = (style) => [style.transform, style.translate, style.rotate, style.scale, style.perspective, style.filter]
    .some((value) => value && value !== "none") || /paint|layout|strict|content/.test(style.contain);
  const known = new Map(), ids = new Map(), found = [];
  const top = { flow: EVERYWHERE, positioned: EVERYWHERE, fixed: EVERYWHERE, counts: new Map() };

  // What is left of an element's box after the boxes around it have cut it, and how it cuts what it contains.
  const measure = (element, record, around) => {
    const style = getComputedStyle(element), box = getBoundingClientRect.call(element);
    const within = { fixed: around.fixed, absolute: around.positioned }[style.position] ?? around.flow;
    const isCanvas = element === document.documentElement || element === document.body;
    const flow = !isCanvas && clips(style) ? common(within, box) : within, holds = holdsFixed(style);
    const positioned = style.position !== "static" || holds ? flow : around.positioned;
    Object.assign(record, { flow, positioned, fixed: holds ? flow : around.fixed });
    const part = common(within, box), seen = common(part, image);
    const isOwn = element !== document.documentElement && (element.namespaceURI !== SVG || element.localName === "svg");
    if (isOwn && isLarge(seen) && checkVisibility.call(element, SHOWN)) {
      found.push({ element, part, area: (seen.right - seen.left) * (seen.bottom - seen.top) });
    }
  };
  const walker = document.createTreeWalker(document, NodeFilter.SHOW_ELEMENT);
  let isCut = false;
  for (let element = walker.nextNode(); element && !isCut; element = walker.nextNode()) {
    const around = known.get(parentElement.call(element)) ?? top, { localName } = element;
    const nth = (around.counts.get(localName) ?? 0) + 1;
    around.counts.set(localName, nth);
    const record = { flow: around.flow, positioned: around.positioned, fixed: around.fixed, around, nth, localName, counts: new Map() };
    const id = getAttribute.call(element, "id");
    if (id && id.length <= 64 && id.isWellFormed() && !/\d{4}|^:|:$|\s/.test(id)) { // not what scripts count or generate
      record.id = id;
      ids.set(id, (ids.get(id) ?? 0) + 1);
    }
    known.set(element, record);
    if (checkVisibility.call(element)) measure(element, record, around);
    isCut = known.size >= elements;
  }

  // Elements with the same box are the same image: one with an id, or the outermost.
  const hasId = ({ element }) => ids.get(known.get(element).id) === 1;
  const distinct = new Map();
  for (const each of found) {
    const { part } = each, key = [part.left, part.top, part.right, part.bottom].map(Math.round).join();
    if (!distinct.has(key) || (hasId(each) && !hasId(distinct.get(key)))) distinct.set(key, each);
  }
  // Paths of 1, 2, 3 … steps to each element as numbers, and how many elements have the same path.
  const numbers = new Map(), uses = [];
  const count = (path) => {
    if (!numbers.has(path)) numbers.set(path, uses.push(0) - 1);
    uses[numbers.get(path)] += 1;
    return numbers.get(path);
  };
  for (const record of known.values()) {
    const { id, localName, nth, around } = record;
    record.step = ids.get(id) === 1 ? `#${CSS.escape(id)}`
      : CSS.escape(localName) + (isCut || around.counts.get(localName) > 1 ? `:nth-of-type(${nth})` : "");
    record.paths = [count(record.step)];
    for (const path of around.paths?.slice(0, steps - 1) ?? []) record.paths.push(count(record.paths[0] * 2 ** 26 + path));
  }
  let left = Math.floor(comparisons / document.getElementsByTagName("*").length);
  const selectorOf = (element) => {
    let record = known.get(element), path = "";
    const needed = record.paths.findIndex((each) => uses[each] === 1);
    for (let step = 0; step <= needed; step += 1, record = record.around) path = path ? `${record.step} > ${path}` : record.step;
    if (!path || path.length > length) return "";
    left -= 1;
    return document.querySelectorAll(path).length === 1 ? path : "";
  };
  const result = [];
  for (const { element, part } of [...distinct.values()].sort((one, other) => other.area - one.area)) {
    if (result.length >= boxes || left <= 0) break;
    const selector = selectorOf(element);
    if (!selector) continue;
    const [x, y] = [Math.round((part.left - image.left) * image.zoom), Math.round((part.top - image.top) * image.zoom)];
    const [right, bottom] = [Math.round((part.right - image.left) * image.zoom), Math.round((part.bottom - image.top) * image.zoom)];
    result.push({ selector, x, y, width: right - x, height: bottom - y });
  }
  const size = { width: Math.round((image.right - image.left) * image.zoom), height: Math.round((image.bottom - image.top) * image.zoom) };
  return { image: size, elements: result };
}
