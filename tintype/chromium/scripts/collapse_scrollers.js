// Undo expand_scroller.js for all elements.
() => {
  for (const { changed } of [...(globalThis.scrollers ?? [])].reverse()) {
    for (const [style, name, value, priority] of changed.splice(0).reverse()) style.setProperty(name, value, priority);
  }
}
