// Lets our scripts reach the closed shadow trees that the page makes by attachShadow. The isolated world dispatches an event
// named key to the window; then the trees are the containers of the ranges in the highlight of that name, until the isolated
// world deletes it. A range is the same node in every world, and no script of the page runs in between. Runs before the
// page's own scripts.
(key) => {
  const MAX_ROOTS = 200; // a hostile page can make any number
  const { StaticRange, Highlight, WeakRef } = window;
  const { highlights } = CSS;
  const set = highlights.set.bind(highlights);
  const deref = WeakRef.prototype.deref;
  const roots = [];
  const descriptor = Object.getOwnPropertyDescriptor(Element.prototype, "attachShadow");
  const apply = (attach, element, values) => {
    const root = Reflect.apply(attach, element, values);
    if (root.mode === "closed" && roots.length < MAX_ROOTS) roots.push(new WeakRef(root));
    return root;
  };
  Object.defineProperty(Element.prototype, "attachShadow", { ...descriptor, value: new Proxy(descriptor.value, { apply }) });
  window.addEventListener(key, (event) => {
    event.stopImmediatePropagation();
    const found = roots.map((weak) => Reflect.apply(deref, weak, [])).filter(Boolean);
    const ranges = found.map((node) => new StaticRange({ startContainer: node, startOffset: 0, endContainer: node, endOffset: 0 }));
    if (ranges.length) set(key, new Highlight(...ranges));
  });
}
