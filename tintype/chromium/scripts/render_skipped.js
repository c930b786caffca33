// Lay out and draw the contents that "content-visibility: auto" skips outside of the viewport, in open shadow trees too.
() => {
  const left = document.documentElement ? [document.documentElement] : [];
  for (let count = 0; left.length && count < 20000; count++) {
    const element = left.pop();
    if (getComputedStyle(element).contentVisibility === "auto") element.style.setProperty("content-visibility", "visible", "important");
    left.push(...(element.shadowRoot?.children ?? []), ...element.children);
  }
}
