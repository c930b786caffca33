// Record what the viewport shows at one step of a walk, in shadow trees too. Runs in the isolated world: no page sees what it
// keeps on window. "seen" has how elements look, because some pages show them only while they are in view. "rows" has texts,
// images and boxes of a colour, each with the box of its row, because some lists remove rows that leave the viewport.
(index, step) => {
  const [seen, rows] = [(globalThis.seen ??= new Map()), (globalThis.rows ??= new Map())];
  const scroller = globalThis.scrollers?.[index]?.element;
  const scrolled = (scroller?.scrollTop ?? 0) * scaleOf(scroller) + scrollY;
  const parentOf = (element) => element.assignedSlot ?? element.parentElement ?? element.getRootNode().host ?? null;
  const isTall = (element) => Math.max(element.offsetHeight || 0, element.scrollHeight) >= innerHeight * 1.5;
  const known = new Map(), inside = new Map();
  const isInside = (element) => {
    if (!inside.has(element)) inside.set(element, element === scroller || Boolean(element && isInside(parentOf(element))));
    return inside.get(element);
  };
  // The outermost box below a tall one; null for what is fixed or sticky.
  const rowOf = (element) => {
    if (known.has(element)) return known.get(element);
    const parent = parentOf(element);
    let row = null;
    if (parent && !/fixed|sticky/.test(getComputedStyle(element).position)) {
      row = parent === scroller || parent === document.body || isTall(parent) ? element : rowOf(parent);
    }
    known.set(element, row);
    return row;
  };
  const rememberLook = (element, height) => {
    const { opacity, visibility } = getComputedStyle(element);
    if (visibility !== "visible" || !(opacity > 0)) return;
    const before = seen.get(element);
    if (before && (before.height > height || before.opacity > opacity)) return;
    seen.set(element, { height, opacity, class: element.getAttribute("class"), style: element.getAttribute("style") });
  };
  const rememberRow = (element, box, height) => {
    if (height < Math.min(box.height, innerHeight) / 2 || rows.size >= 50000) return;
    const key = rowKey(element);
    const place = `${Math.round((box.top + scrolled) / 40)} ${key}`;
    if (!key || rows.has(place)) return;
    const row = rowOf(element);
    if (!row || isTall(row) || (scroller && !isInside(row))) return;
    const { left, right, top, bottom } = row.getBoundingClientRect();
    const middle = [box.left + box.width / 2 + scrollX, box.top + box.height / 2 + scrolled];
    rows.set(place, { element, key, index, step, middle, left, right, top: top + scrolled, bottom: bottom + scrolled });
  };
  let left = 10000;
  const trees = [document.body ?? document];
  for (const tree of trees) { // grows while it is walked
    for (const element of tree.querySelectorAll("*")) {
      if (--left < 0) return;
      const root = element.shadowRoot ?? globalThis.closedRoots?.get(element);
      if (root) trees.push(root);
      const box = element.getBoundingClientRect();
      const height = Math.min(box.bottom, innerHeight) - Math.max(box.top, 0);
      if (height < 1 || !box.width) continue;
      rememberLook(element, height);
      rememberRow(element, box, height);
    }
  }
}
