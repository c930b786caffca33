// Compare what a walk has seen with what the page shows now, at its top: rows whose place is empty, or shows a colour only. A place
// with another text, as in a clock or a carousel, is not empty. Returns the boxes of the rows, joined to one for each scroller,
// in CSS pixels from the upper left corner of the page.
() => {
  const filled = new Set(), written = new Set();
  const column = (x) => Math.floor(x / 160), line = (y) => Math.floor(y / 40);
  const cell = (x, y) => x * 100000 + y;
  const elements = deepTrees().flatMap((tree) => [...tree.querySelectorAll("*")]);
  for (const element of elements.slice(0, 20000)) {
    const key = rowKey(element);
    if (!key) continue;
    const { left, right, top, bottom, width, height } = element.getBoundingClientRect();
    if (!width || !height || height > innerHeight || right < 0 || width > 4000) continue;
    for (let x = column(Math.max(0, left + scrollX)); x <= column(right + scrollX); x++) {
      for (let y = line(top + scrollY) - 1; y <= line(bottom + scrollY) + 1; y++) {
        filled.add(cell(x, y));
        if (key[0] !== "\0") written.add(cell(x, y));
      }
    }
  }
  const lost = new Map();
  // Parallax moves elements, and removes none.
  const isKept = (element, key) => element.isConnected && element.getClientRects().length > 0 && rowKey(element) === key;
  for (const { element, key, index, step, middle, left, right, top, bottom } of globalThis.rows?.values() ?? []) {
    if (step === 0 || (key[0] === "\0" ? filled : written).has(cell(column(middle[0]), line(middle[1])))) continue;
    if (isKept(element, key)) continue;
    const box = lost.get(index) ?? { left, right, top, bottom, count: 0 };
    lost.set(index, {
      left: Math.min(box.left, left), right: Math.max(box.right, right),
      top: Math.min(box.top, top), bottom: Math.max(box.bottom, bottom), count: box.count + 1,
    });
  }
  // Beside the edge of what is shown, a row can have its place filled by its neighbour.
  const margin = 120;
  return [...lost].filter(([, { count, top, bottom }]) => count >= 3 && bottom - top > innerHeight / 2)
    .map(([index, { left, right, top, bottom }]) => ({
      index, x: left + scrollX, y: Math.max(0, top - margin), width: right - left, height: bottom + margin - Math.max(0, top - margin),
    }));
}
