// Record what the viewport shows at one step of a walk: texts, images and boxes of a colour, each with the box of its row.
// Rows that the page removes again when they leave the viewport are found by find_lost_rows.js.
(index, step) => {
  const rows = (globalThis.rows ??= new Map());
  const scroller = globalThis.scrollers?.[index]?.element;
  const scrolled = (scroller?.scrollTop ?? 0) + scrollY;
  const parentOf = (element) => element.assignedSlot ?? element.parentElement ?? element.getRootNode().host ?? null;
  const isTall = (element) => Math.max(element.offsetHeight || 0, element.scrollHeight) >= innerHeight * 1.5;
  const known = new Map();
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
  const elements = deepTrees().flatMap((tree) => [...tree.querySelectorAll("*")]);
  for (const element of elements.slice(0, 10000)) {
    const box = element.getBoundingClientRect();
    const shown = Math.min(box.bottom, innerHeight) - Math.max(box.top, 0);
    if (shown < 1 || !box.width || shown < Math.min(box.height, innerHeight) / 2) continue;
    const key = rowKey(element);
    const place = `${Math.round((box.top + scrolled) / 40)} ${key}`;
    if (!key || rows.has(place) || rows.size >= 50000) continue;
    const row = rowOf(element);
    if (!row || isTall(row)) continue;
    const { left, right, top, bottom } = row.getBoundingClientRect();
    const middle = [box.left + box.width / 2 + scrollX, box.top + box.height / 2 + scrolled];
    rows.set(place, { key, index, step, middle, left, right, top: top + scrolled, bottom: bottom + scrolled });
  }
}
