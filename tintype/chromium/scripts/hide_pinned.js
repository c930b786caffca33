// Hide what is fixed while the screens of a list are captured, so that the joined image shows it once: bars of the upper half on
// the first screen, those of the lower half on the last one; what is sticky goes to its place in the flow. A layer that fills
// the viewport, and what contains the list, stays. Returns the part of the viewport in which the list moves, and how far it
// has been scrolled. Without a number it only undoes what it did before.
(index, isFirst, isLast) => {
  const changed = (globalThis.pinned ??= []);
  for (const [style, name, value, priority] of changed.splice(0).reverse()) style.setProperty(name, value, priority);
  if (index === null) return null;
  const scroller = globalThis.scrollers?.[index]?.element;
  const parentOf = (element) => element.assignedSlot ?? element.parentElement ?? element.getRootNode().host ?? null;
  const around = new Set();
  for (let part = scroller; part; part = parentOf(part)) around.add(part);
  const force = ({ style }, name, value) => {
    changed.push([style, name, style.getPropertyValue(name), style.getPropertyPriority(name)]);
    style.setProperty(name, value, "important");
  };
  const elements = deepTrees().flatMap((tree) => [...tree.querySelectorAll("*")]);
  for (const element of elements.slice(0, 20000)) {
    const { position } = getComputedStyle(element);
    if (around.has(element) || !/fixed|sticky/.test(position)) continue;
    if (position === "sticky") {
      force(element, "position", "relative");
      for (const side of ["top", "right", "bottom", "left"]) force(element, side, "auto");
      continue;
    }
    const { top, width, height } = element.getBoundingClientRect();
    if (width > innerWidth * 0.9 && height > innerHeight * 0.9) continue;
    const isUpper = top + height / 2 < innerHeight / 2;
    if (isUpper ? !isFirst : !isLast) force(element, "visibility", "hidden");
  }
  const box = scroller?.getBoundingClientRect(), scale = scaleOf(scroller);
  const [left, top] = box ? [box.left + scroller.clientLeft * scale, box.top + scroller.clientTop * scale] : [0, 0];
  const bottom = Math.min(innerHeight, box ? top + scroller.clientHeight * scale : innerHeight);
  return { top: Math.max(0, top), bottom, scrolled: (scroller?.scrollTop ?? 0) * scale + scrollY };
}
