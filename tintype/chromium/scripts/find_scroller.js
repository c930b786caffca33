// Find the next element that scrolls in place of the document: it lies under the middle of the viewport and fills most of it.
// Returns whether there is one; expand_scroller.js makes it as tall as its content.
() => {
  const { documentElement: root, body } = document;
  const found = (globalThis.scrollers ??= []);
  if (!body || (!found.length && root.scrollHeight > innerHeight + 1)) return false;
  const rootOf = (element) => element.shadowRoot ?? globalThis.closedRoots?.get(element);
  const parentOf = (element) => element.assignedSlot ?? element.parentElement ?? element.getRootNode().host ?? null;
  const isScroller = (element) => {
    const { overflowY } = getComputedStyle(element);
    const scrolls = /auto|scroll|overlay/.test(overflowY) || (element === body && overflowY === "hidden");
    const { width, height } = element.getBoundingClientRect();
    return scrolls && element.scrollHeight > element.clientHeight + 1 && width > innerWidth / 2 && height > innerHeight / 2;
  };
  const under = [0.5, 0.3, 0.7].flatMap((part) => {
    const [x, y, chain] = [innerWidth / 2, innerHeight * part, []];
    let at = document.elementFromPoint(x, y);
    for (let inner; at && rootOf(at) && (inner = rootOf(at).elementFromPoint(x, y)) && inner !== at; ) at = inner;
    for (; at; at = parentOf(at)) chain.push(at);
    return chain;
  });
  const element = under.find((each) => each !== root && isScroller(each));
  if (!element || found.some((scroller) => scroller.element === element)) return false;
  found.push({ element, changed: [] });
  return true;
}
