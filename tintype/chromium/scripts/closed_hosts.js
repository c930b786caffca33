// Elements that may be hosts of closed shadow trees, as an array, or null: scripts cannot tell, DevTools can. A host looks
// empty, or lies on top of a point that neither it nor its children reach, or is a custom element.
(most) => {
  const { boxOf, parentOf, shadowOf } = elementWeight();
  const HOSTS = new Set("article,aside,blockquote,body,div,footer,h1,h2,h3,h4,h5,h6,header,main,nav,p,section,span".split(","));
  const MAX_ELEMENTS = 3000, MIN_WIDTH = 100, MIN_HEIGHT = 30;
  const ACROSS = [0.04, 0.27, 0.5, 0.73, 0.96], DOWN = [0.03, 0.15, 0.35, 0.5, 0.65, 0.85, 0.97];
  const found = new Set();
  const isCustom = (element) => element.localName.includes("-");
  const canHost = (element) => !shadowOf(element) && (HOSTS.has(element.localName) || isCustom(element));
  const isBare = (element) => !element.firstElementChild && !element.textContent.trim();
  const isPainted = (element) => {
    const { backgroundColor, backgroundImage, borderTopWidth } = getComputedStyle(element);
    return backgroundColor !== "rgba(0, 0, 0, 0)" || backgroundImage !== "none" || borderTopWidth !== "0px";
  };
  const reaches = (element, x, y) => {
    const box = boxOf(element);
    return box.left <= x && x <= box.right && box.top <= y && y <= box.bottom;
  };
  const add = (element) => {
    if (found.size < most && canHost(element)) found.add(element);
  };
  const tops = DOWN.flatMap((down) => ACROSS.map((across) => {
    const [x, y] = [innerWidth * across, innerHeight * down];
    let top = document.elementFromPoint(x, y);
    for (let depth = 0; depth < 5 && top && shadowOf(top); depth += 1) {
      const inner = shadowOf(top).elementFromPoint(x, y);
      if (!inner || inner === top) break;
      top = inner;
    }
    return [top, x, y];
  }));
  for (const [top, x, y] of tops) {
    if (!top || top === document.documentElement) continue;
    if (isBare(top) || (top !== document.body && !reaches(top, x, y))) add(top);
    for (let up = top, depth = 0; up && depth < 100; up = parentOf(up), depth += 1) if (isCustom(up) && up.matches(":defined")) add(up);
  }
  for (const child of [...(document.body?.children ?? [])].slice(-100)) if (isBare(child)) add(child);
  for (const tree of deepTrees().slice(0, 300)) {
    const elements = tree.querySelectorAll("*");
    for (let i = 0; i < elements.length && i < MAX_ELEMENTS; i += 1) {
      const element = elements[i];
      if (element.firstElementChild || !canHost(element) || !isBare(element)) continue;
      const box = boxOf(element);
      if (box.width >= MIN_WIDTH && box.height >= MIN_HEIGHT && (isCustom(element) || !isPainted(element))) add(element);
    }
  }
  return found.size ? [...found] : null;
}
