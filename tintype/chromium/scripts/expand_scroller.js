// Make an element that scroll_step.js can scroll as tall as its content, at most maxHeight pixels, and all boxes around it.
// Records what stands beside it and is as tall as the viewport, for unpin_fixed.js.
(index, maxHeight) => {
  const scroller = globalThis.scrollers[index];
  const { documentElement: root } = document;
  const parentOf = (element) => element.assignedSlot ?? element.parentElement ?? element.getRootNode().host ?? null;
  const force = ({ style }, values) => {
    for (const [name, value] of Object.entries(values)) {
      scroller.changed.push([style, name, style.getPropertyValue(name), style.getPropertyPriority(name)]);
      style.setProperty(name, value, "important");
    }
  };
  const free = { overflow: "visible", height: "auto", "max-height": "none", contain: "none" };
  const { element } = scroller;
  const [tall, screen] = [element.scrollHeight, element.getBoundingClientRect()];
  scroller.beside ??= [];
  for (let part = element; part && part !== root; part = parentOf(part)) {
    const around = part.getBoundingClientRect();
    for (const bar of part.parentElement ? ownChildren(part.parentElement) : []) {
      const { top, bottom, left, right, width } = bar.getBoundingClientRect();
      const isBeside = right <= around.left + 1 || left >= around.right - 1;
      if (width && isBeside && top < innerHeight * 0.15 && bottom > innerHeight * 0.95) scroller.beside.push(bar);
    }
  }
  const scale = scaleOf(element);
  const isCut = tall * scale > maxHeight;
  const height = isCut ? (maxHeight + 1) / scale : tall; // so that the page is taller than the image, which then counts as cut
  force(element, { "min-height": `${height}px`, "flex-shrink": "0" });
  for (let part = element; part && part !== root; part = parentOf(part)) {
    const { position, display } = getComputedStyle(part);
    if (part !== element) force(part, { "min-height": `${part.offsetHeight}px` });
    if (part === element && isCut) force(part, { ...free, overflow: "hidden", height: `${height}px` });
    else if (display !== "contents") force(part, free);
    if (position === "fixed") force(part, { position: "absolute" });
    if (/fixed|absolute/.test(position)) force(part, { bottom: "auto" });
  }
  force(root, { overflow: "visible", height: "auto", "max-height": "none" });
}
