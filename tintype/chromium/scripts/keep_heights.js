// Give the elements of a frame that have grown with its viewport their heights of measure_frame.js back; what is fixed or sticky,
// as a side bar, stays as tall as the frame.
() => {
  for (const [element, height] of globalThis.heights ?? []) {
    if (!element.isConnected || element.offsetHeight <= height + 1) continue;
    if (/fixed|sticky/.test(getComputedStyle(element).position)) continue;
    for (const [name, value] of [["min-height", "0"], ["max-height", `${height}px`], ["height", `${height}px`], ["box-sizing", "border-box"]]) {
      element.style.setProperty(name, value, "important");
    }
  }
}
