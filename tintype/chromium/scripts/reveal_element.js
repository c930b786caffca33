// Scroll the boxes around the first match that can be seen, not the document. Returns its visible part in CSS pixels from
// the viewport's corner, with {hidden: true} if a scroller is too small to show all of it; null if nothing can be seen.
(selector) => {
  const { documentElement: root, body } = document;
  const parentOf = (element) => element.assignedSlot ?? element.parentElement ?? element.getRootNode().host ?? null;
  const holdsFixed = (style) => [style.transform, style.translate, style.rotate, style.scale, style.perspective, style.filter]
    .some((value) => value && value !== "none") || /paint|layout|strict|content/.test(style.contain);
  const clips = ({ overflowX, overflowY, contain, display }) =>
    display !== "inline" && display !== "contents"
    && (overflowX !== "visible" || overflowY !== "visible" || /paint|strict|content/.test(contain));
  const bodyScrolls = body && getComputedStyle(root).overflowY !== "visible";
  // Boxes that clip the element: those from its containing block on, up to the document.
  const boxesAround = (element) => {
    const found = [];
    let { position } = getComputedStyle(element);
    for (let part = parentOf(element); part && part !== root; part = parentOf(part)) {
      const style = getComputedStyle(part);
      const holds = holdsFixed(style);
      if (position === "fixed" && !holds) continue;
      if (position === "absolute" && style.position === "static" && !holds) continue;
      position = style.position;
      if (clips(style) && (part !== body || bodyScrolls)) found.push([part, /auto|scroll/.test(style.overflowX + style.overflowY)]);
    }
    return found;
  };
  const inner = (part) => {
    const box = part.getBoundingClientRect();
    const [x, y] = [box.width / (part.offsetWidth || 1), box.height / (part.offsetHeight || 1)];
    const [left, top] = [box.left + part.clientLeft * x, box.top + part.clientTop * y];
    return { left, top, right: left + part.clientWidth * x, bottom: top + part.clientHeight * y };
  };
  const visiblePart = (element, around) => {
    let { left, top, right, bottom } = element.getBoundingClientRect();
    let hidden = false;
    for (const [part, scrolls] of around) {
      const clip = inner(part);
      const cut = clip.left > left + 1 || clip.top > top + 1 || clip.right < right - 1 || clip.bottom < bottom - 1;
      hidden ||= cut && scrolls;
      [left, top] = [Math.max(left, clip.left), Math.max(top, clip.top)];
      [right, bottom] = [Math.min(right, clip.right), Math.min(bottom, clip.bottom)];
    }
    return { x: left, y: top, width: right - left, height: bottom - top, hidden };
  };
  const isCut = (element, part) => {
    const { width, height } = element.getBoundingClientRect();
    return part.width < width - 1 || part.height < height - 1;
  };
  const reveal = (element) => {
    const around = boxesAround(element);
    let part = visiblePart(element, around);
    if (!isCut(element, part)) return part;
    const [x, y, box] = [scrollX, scrollY, element.getBoundingClientRect()];
    const fits = around.every(([each]) => each.clientHeight >= box.height);
    element.scrollIntoView({ block: fits ? "center" : "start", inline: "nearest", behavior: "instant" });
    scrollTo({ left: x, top: y, behavior: "instant" });
    return visiblePart(element, around);
  };
  for (const element of deepQuery(selector).slice(0, 1000)) {
    const box = element.getBoundingClientRect();
    if (box.width < 1 || box.height < 1 || getComputedStyle(element).visibility !== "visible") continue;
    const part = reveal(element);
    if (part.width >= 1 && part.height >= 1) return part;
  }
  return null;
}
