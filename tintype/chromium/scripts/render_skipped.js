// Lay out and draw the contents that "content-visibility: auto" skips outside of the viewport, in shadow trees too.
() => {
  const left = document.documentElement ? [document.documentElement] : [];
  for (let count = 0; left.length && count < 20000; count++) {
    const element = left.pop();
    if (getComputedStyle(element).contentVisibility === "auto") element.style.setProperty("content-visibility", "visible", "important");
    const shadow = element.shadowRoot ?? globalThis.closedRoots?.get(element);
    left.push(...(shadow?.children ?? []), ...ownChildren(element));
  }
}
